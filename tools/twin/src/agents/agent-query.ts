import { z } from 'zod';

/** How a sample agent behaves when it is asked to chat. */
export const Mode = z.enum([
  'echo',
  'counter',
  'empty',
  'hang',
  'drip',
  'huge',
  'garbage',
  'wrong_type',
  'wrong_session',
  'error',
  'error500',
  'redirect',
  'reset',
]);
export type Mode = z.infer<typeof Mode>;

const flag = z
  .enum(['0', '1', 'false', 'true'])
  .default('0')
  .transform((value) => value === '1' || value === 'true');

/** An agent is its URL: these parameters make one of many out of the same route. */
export const AgentQuery = z.object({
  /** Tells agents apart in the call log and for control. */
  name: z.string().min(1).max(64).optional(),
  mode: Mode.default('echo'),
  delay_ms: z.coerce.number().int().min(0).max(600_000).default(0),
  /** Declares, and keeps, that the same call twice is safe. `merge` is another word for it. */
  idempotent: flag,
  merge: flag,
  /** Request types of the chat dialect that it answers, by comma; the others are refused. */
  types: z.string().optional(),
  /** Characters of a `huge` answer. */
  size: z.coerce
    .number()
    .int()
    .min(1)
    .max(1 << 28)
    .default(8 << 20),
});
export type AgentQuery = z.infer<typeof AgentQuery>;

export const isIdempotent = (query: AgentQuery): boolean => query.idempotent || query.merge;
