import { createHmac } from 'node:crypto';
import type { AgentEndpoint, SessionNotice, TurnRequest } from './agent.js';

/** The six request types of the `chat` dialect and the type that answers each (seed: MCPMessageType). */
export const ANSWER_TYPE = {
  'chat.request': 'chat.response',
  'capability.query': 'capability.response',
  'context.update': 'context.ack',
  'session.init': 'session.ack',
  'session.end': 'session.ack',
  'health.check': 'health.ack',
} as const;

export type ChatRequestType = keyof typeof ANSWER_TYPE;

export interface ChatEnvelope {
  readonly type: ChatRequestType;
  readonly session_id: string;
  readonly phone_number?: string;
  readonly message?: string;
  readonly context?: ChatContext;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** The conversation as agents of either dialect get it. `phone_number` is the pseudonymous contact id. */
export interface ChatContext {
  readonly session_id: string;
  readonly phone_number: string;
  readonly conversation_history: TurnRequest['history'];
  readonly user_preferences: TurnRequest['preferences'];
  readonly session_state: TurnRequest['sessionState'];
}

const CARRIER = 'twilio';

export const chatContext = (turn: TurnRequest): ChatContext => ({
  session_id: turn.sessionHandle,
  phone_number: turn.contactId,
  conversation_history: turn.history,
  user_preferences: turn.preferences,
  session_state: turn.sessionState,
});

export const chatMetadata = (turn: TurnRequest): Record<string, unknown> => ({
  timestamp: turn.timestamp,
  platform: turn.platform,
  carrier: CARRIER,
  turn_id: turn.turnId,
  message_ids: turn.messageIds,
  idempotency_key: turn.turnId,
});

export const chatRequest = (turn: TurnRequest): ChatEnvelope => ({
  type: 'chat.request',
  session_id: turn.sessionHandle,
  phone_number: turn.contactId,
  message: turn.message,
  context: chatContext(turn),
  metadata: chatMetadata(turn),
});

export const noticeEnvelope = (notice: SessionNotice): ChatEnvelope => ({
  type: notice.type,
  session_id: notice.sessionHandle,
  phone_number: notice.contactId,
  context: {
    session_id: notice.sessionHandle,
    phone_number: notice.contactId,
    conversation_history: [],
    user_preferences: notice.preferences,
    session_state: notice.sessionState,
  },
  metadata: { timestamp: notice.timestamp, platform: notice.platform, carrier: CARRIER },
});

/**
 * The value of `X-DarkSpere-Signature`: `t=<unix seconds>,v1=<hex>`, where hex is the HMAC-SHA256 of `<t>.<body>` (the
 * bytes of the request body as sent) keyed with the agent's credential. A receiver computes the same over the raw body,
 * compares in constant time and refuses a `t` more than five minutes from its own clock (a replay). `v1` names the
 * scheme, so that a later one can be sent beside it.
 */
export const signatureOf = (body: Buffer, credential: string, at: Date): string => {
  const t = Math.floor(at.getTime() / 1_000);
  const v1 = createHmac('sha256', credential).update(`${t}.`).update(body).digest('hex');
  return `t=${t},v1=${v1}`;
};

export const authorizationOf = ({ credential }: AgentEndpoint): Record<string, string> =>
  credential === null ? {} : { authorization: `Bearer ${credential}`, 'x-api-key': credential };
