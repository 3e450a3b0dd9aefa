import { z } from 'zod';
import { Label } from '../request.schemas.js';

/** Goes into a header of each call, so: visible ASCII. Empty or null: the agent wants none. */
const Credential = z
  .string()
  .max(4_096)
  .regex(/^[\x21-\x7e]*$/, 'must be visible ASCII characters without spaces')
  .nullable()
  .transform((value) => value || null);

const settings = {
  agent_name: Label(200),
  // Which endpoints may be is the egress rules' to say (422 endpoint_refused).
  endpoint_url: z.string().min(1),
  max_concurrent_sessions: z.int().positive(),
  // Not `builtin`: the built-in team is nobody's to register.
  dialect: z.enum(['mcp', 'chat']),
  pool: Label(64).nullable(),
  double_text: z.enum(['coalesce', 'merge', 'enqueue']),
  /** The agent gets real phone numbers instead of pseudonyms; only an admin key may say true. */
  phone_number_grant: z.boolean(),
};

export const RegisterAgent = z.object({
  ...settings,
  api_key: Credential.default(null),
  dialect: settings.dialect.nullable().default(null),
  pool: settings.pool.default(null),
  double_text: settings.double_text.default('coalesce'),
  phone_number_grant: settings.phone_number_grant.default(false),
});
export type RegisterAgent = z.infer<typeof RegisterAgent>;

/** What is left out stays. `dialect: null` finds out anew what the agent speaks. */
export const PatchAgent = z
  .object({ ...settings, api_key: Credential, dialect: settings.dialect.nullable(), status: z.enum(['active', 'draining']) })
  .partial()
  .refine((patch) => Object.keys(patch).length > 0, 'Name at least one field to change.');
export type PatchAgent = z.infer<typeof PatchAgent>;
