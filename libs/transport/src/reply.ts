import { DomainError } from '@darkspere/domain';
import { z } from 'zod';

/** The answer to a request: its value, or the error its handler ended with. */
const Reply = z.object({
  id: z.string(),
  value: z.unknown().optional(),
  error: z.object({ code: z.string(), message: z.string(), details: z.unknown().optional() }).optional(),
});
export type Reply = z.infer<typeof Reply>;

export const valueReply = (id: string, value: unknown): string => JSON.stringify({ id, value } satisfies Reply);

/** A DomainError travels as it is, anything else as `internal` with nothing of its text. */
export const errorReply = (id: string, pattern: string, error: unknown): string => {
  const { code, message, details } = error instanceof DomainError ? error : new DomainError('internal', `${pattern} failed`);
  return JSON.stringify({ id, error: { code, message, details } } satisfies Reply);
};

/** What came on a reply channel; undefined when it is not a reply. */
export const readReply = (json: string): Reply | undefined => {
  try {
    return Reply.safeParse(JSON.parse(json)).data;
  } catch {
    return undefined;
  }
};

/** The value of a reply. Throws the handler's DomainError. */
export const valueOf = ({ value, error }: Reply): unknown => {
  if (error) throw new DomainError(error.code, error.message, error.details);
  return value;
};
