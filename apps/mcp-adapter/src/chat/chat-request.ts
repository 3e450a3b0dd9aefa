import { z } from 'zod';

/** The seed's envelope, from the other side: a text for a running session, by its handle. */
export const ChatRequest = z.looseObject({
  type: z.literal('chat.request', { error: 'must be "chat.request"' }).optional(),
  session_id: z.string({ error: 'is required' }).regex(/^[\w-]{1,200}$/, 'must be a session handle'),
  message: z
    .string({ error: 'is required' })
    .transform((text) => text.replaceAll('\u0000', '').toWellFormed())
    .pipe(z.string().trim().min(1, 'must not be empty').max(16_000, 'must have at most 16,000 characters')),
});
export type ChatRequest = z.infer<typeof ChatRequest>;

export interface ChatResponse {
  type: 'chat.response';
  session_id: string;
  message: string;
  context_update: { session_state: Record<string, unknown> };
  metadata: { turn_id: string; processing_time_ms: number };
}
