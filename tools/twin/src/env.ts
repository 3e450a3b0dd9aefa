import { z } from 'zod';
import { Faults } from './faults.js';
import type { TwinOptions } from './twin.js';

const json = z.string().transform((text, context) => {
  try {
    return JSON.parse(text) as object;
  } catch {
    context.addIssue('is not JSON');
    return z.NEVER;
  }
});
const httpUrl = z.url({ protocol: /^https?$/ });
const wholeNumber = z.string().regex(/^\d+$/, 'is not a whole number').transform(Number);

const Env = z.object({
  PORT: wholeNumber.pipe(z.int().max(65_535)).default(8090),
  HOST: z.string().min(1).default('127.0.0.1'),
  TWIN_ACCOUNT_SID: z.string().regex(/^AC\w+$/, 'does not start with AC'),
  TWIN_AUTH_TOKEN: z.string().min(1),
  TWIN_WEBHOOK_URL: httpUrl,
  TWIN_SIGN_URL: httpUrl.optional(),
  TWIN_WEBHOOK_TIMEOUT_MS: wholeNumber.pipe(z.int().min(1)).default(15_000),
  TWIN_WEBHOOK_RETRIES: wholeNumber.default(3),
  TWIN_WEBHOOK_RETRY_PAUSE_MS: wholeNumber.default(250),
  TWIN_FAULTS: json.pipe(Faults).optional(),
});

/** Reads the twin's variables; throws one error that names every fault. */
export const readEnv = (variables: NodeJS.ProcessEnv): TwinOptions => {
  const parsed = Env.safeParse(variables);
  if (!parsed.success) throw new Error(`The environment is not right:\n${z.prettifyError(parsed.error)}`);
  const env = parsed.data;
  return {
    port: env.PORT,
    host: env.HOST,
    accountSid: env.TWIN_ACCOUNT_SID,
    authToken: env.TWIN_AUTH_TOKEN,
    webhookUrl: env.TWIN_WEBHOOK_URL,
    ...(env.TWIN_SIGN_URL !== undefined && { signUrl: env.TWIN_SIGN_URL }),
    webhookTimeoutMs: env.TWIN_WEBHOOK_TIMEOUT_MS,
    webhookRetries: env.TWIN_WEBHOOK_RETRIES,
    webhookRetryPauseMs: env.TWIN_WEBHOOK_RETRY_PAUSE_MS,
    ...(env.TWIN_FAULTS && { faults: env.TWIN_FAULTS }),
  };
};
