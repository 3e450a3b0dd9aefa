import type { Alert } from '@darkspere/platform';

/** One text of a turn, as `messaging.leading_texts` gives it. */
export interface TurnText {
  id: string;
  body: string;
  media: { url: string; contentType?: string | null }[] | null;
  at: string;
  traceparent: string | null;
}

/** The right to run a turn, and everything it takes: see `routing.claim_turns`. */
export interface ClaimedTurn {
  outcome: 'claimed';
  session_id: string;
  turn_id: string;
  lease_token: string;
  agent_id: string;
  account_id: string;
  attempt: number;
  deadline: string;
  /** The turn that this one replaces (double text `merge`): its call has to stop. */
  superseded: string | null;
  handle: string;
  channel: string;
  contact_id: string;
  /** Only for an agent with a grant. */
  phone: string | null;
  state: Record<string, unknown>;
  texts: TurnText[];
  history: { role: 'user' | 'assistant'; content: string; timestamp: string }[];
}

/** What follows from a turn's end, for whoever waits. */
export interface TurnEnd {
  session_id: string;
  turn_id: string;
  waiters?: { waiter: string; message_id: string }[];
  /** An answer is due by REST. */
  is_due?: boolean;
  /** When the session's next turn may start, if texts wait. */
  more_at?: string | null;
  alert?: Alert | null;
}

export type Claim =
  | ClaimedTurn
  | ({ outcome: 'closed' } & TurnEnd)
  | { outcome: 'running' | 'nothing'; session_id: string }
  | { outcome: 'later'; session_id: string; at: string }
  | { outcome: 'no_agent'; session_id: string; at: string; alert: Alert };

export type Completion = { outcome: 'answered' | 'fenced' | 'void' | 'closed' | 'retry' } & TurnEnd;

/** One step of the transmission path. */
export interface Hop {
  hop: string;
  at: Date;
  by: string;
  [detail: string]: unknown;
}
