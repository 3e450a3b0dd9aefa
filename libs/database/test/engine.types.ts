export interface Accepted {
  outcome: 'accepted' | 'duplicate' | 'number_not_found';
  message_id?: string;
  session_id?: string | null;
  ring?: boolean;
  lease_token?: string | null;
  is_decided?: boolean;
}

export interface Claimed {
  outcome: 'claimed';
  session_id: string;
  turn_id: string;
  lease_token: string;
  agent_id: string;
  attempt: number;
  deadline: string;
  superseded: string | null;
  handle: string;
  phone: string | null;
  contact_id: string;
  texts: { id: string; body: string }[];
  history: { role: string; content: string }[];
}

export type Claim =
  | Claimed
  | { outcome: 'running' | 'nothing'; session_id: string }
  | { outcome: 'later' | 'no_agent'; session_id: string; at: string }
  | ({ outcome: 'closed'; reason: string } & Omit<End, 'outcome'>);

export interface End {
  outcome: 'answered' | 'fenced' | 'void' | 'closed' | 'retry';
  session_id: string;
  turn_id: string;
  waiters?: { waiter: string; message_id: string }[];
  is_due?: boolean;
  more_at?: string | null;
  alert?: Alert | null;
}

export interface Alert {
  alertId: string;
  kind: string;
  severity: string;
}

export interface Taken {
  state: 'undecided' | 'blocked' | 'empty' | 'send';
  answer_id?: string;
  body?: string;
  alert?: Alert | null;
}

export interface Sends {
  sends: { message_id: string; body: string; from: string; to: string; attempts: number; handed_at: string | null }[];
  alerts: Alert[];
}

export interface Outcome {
  known: boolean;
  frees?: boolean;
  alert?: Alert | null;
}

/** A row of messaging.message_history; only what tests read. */
export interface Message {
  id: string;
  status: string;
  body: string;
  session_id: string | null;
  seq: string | null;
  turn_id: string | null;
  answer_id: string | null;
  purpose: string | null;
  part: number | null;
  parts: number | null;
  handed_via: string | null;
  decision_id: string | null;
  message_sid: string | null;
  error_code: string | null;
  transmission_path: { hop: string; reason?: string; rule?: string }[];
}
