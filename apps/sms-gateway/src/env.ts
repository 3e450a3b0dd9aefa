import { readEnv, wholeNumber } from '@darkspere/platform';
import { z } from 'zod';

export const SmsGatewayEnv = z.object({
  /** Scheme, host and path prefix by which the carrier reaches us: signatures are computed over it. */
  PUBLIC_BASE_URL: z
    .url({ protocol: /^https?$/, error: 'must be the http(s) URL by which the carrier reaches this gateway' })
    .transform((url) => url.replace(/\/+$/, '')),
  TWILIO_ACCOUNT_SID: z
    .string({ error: 'must be the account SID (AC…)' })
    .regex(/^AC[0-9a-zA-Z]{32}$/, 'must be an account SID: AC and 32 characters'),
  TWILIO_AUTH_TOKEN: z.string({ error: 'must be the auth token of the account' }).min(1, 'must not be empty'),
  /** Replaces scheme and host of every call to the carrier, path unchanged. */
  TWILIO_API_BASE: z.url({ protocol: /^https?$/, error: 'must be an http(s) URL' }).optional(),
  /** How long a webhook waits for its answer before it leaves by REST, in milliseconds. Twilio's own limit is 15 s. */
  REPLY_BUDGET_MS: wholeNumber('must be a number of milliseconds')
    .pipe(z.int().max(14_000, 'must stay below Twilio’s 15 s'))
    .default(2_500),
});
export type SmsGatewayEnv = z.infer<typeof SmsGatewayEnv>;

export const readGatewayEnv = (): SmsGatewayEnv => readEnv(SmsGatewayEnv);
/** Injection token of the values above. */
export const GATEWAY_ENV = Symbol('SmsGatewayEnv');
