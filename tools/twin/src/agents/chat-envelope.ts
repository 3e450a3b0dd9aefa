import { z } from 'zod';

/** The six requests of the seed's dialect and the type that answers each. */
export const ANSWER_TYPES = {
  'chat.request': 'chat.response',
  'capability.query': 'capability.response',
  'context.update': 'context.ack',
  'session.init': 'session.ack',
  'session.end': 'session.ack',
  'health.check': 'health.ack',
} as const;
export type RequestType = keyof typeof ANSWER_TYPES;
export const REQUEST_TYPES = Object.keys(ANSWER_TYPES) as RequestType[];

export const Metadata = z.looseObject({ turn_id: z.string().optional(), message_ids: z.array(z.string()).optional() });

export const ChatEnvelope = z.looseObject({
  type: z.enum(REQUEST_TYPES),
  session_id: z.string().optional(),
  message: z.string().optional(),
  metadata: Metadata.optional(),
});
export type ChatEnvelope = z.infer<typeof ChatEnvelope>;

export const chatResponse = (sessionId: string, message: string, turn: number, processingTimeMs: number) => ({
  type: 'chat.response',
  session_id: sessionId,
  message,
  context_update: { session_state: { turns: turn } },
  metadata: { processing_time_ms: processingTimeMs, model_used: 'twin', confidence: 1 },
});

export const errorEnvelope = (sessionId: string | undefined, code: string, message: string) => ({
  type: 'error',
  session_id: sessionId ?? null,
  error: { code, message },
});
