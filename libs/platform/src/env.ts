import { z } from 'zod';

/**
 * Reads variables once, at start. All faults are reported together; set but empty counts as set.
 * @throws Error naming each faulty variable and what is wrong with it, never its value.
 */
export const readEnv = <S extends z.ZodType>(schema: S, source: Record<string, string | undefined> = process.env): z.infer<S> => {
  const result = schema.safeParse(source);
  if (result.success) return result.data;
  const faults = result.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
  throw new Error(`These environment variables are missing or wrong:\n${[...new Set(faults)].join('\n')}`);
};

const url = (protocols: RegExp) => z.url({ protocol: protocols, error: 'must be a URL' });

/** Digits only: `Number('')` is 0, and `Number('1e3')` is 1,000. */
export const wholeNumber = (fault: string) =>
  z
    .string({ error: fault })
    .regex(/^\d{1,15}$/, fault)
    .transform(Number);

/** What every app reads. */
export const PlatformEnv = z.object({
  PORT: wholeNumber('must be a port number').pipe(z.int().min(1).max(65_535)).optional(),
  HOST: z.string().min(1).default('127.0.0.1'),
  DATABASE_URL: url(/^postgres(ql)?$/),
  REDIS_URL: url(/^rediss?$/),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  ENCRYPTION_KEYS: z.string({ error: 'must be kid:base64,… with keys of 32 bytes' }),
  AGENT_EGRESS_ALLOW: z.string().default(''),
});
export type PlatformEnv = z.infer<typeof PlatformEnv>;
