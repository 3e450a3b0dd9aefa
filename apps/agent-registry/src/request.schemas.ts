import { z } from 'zod';

/** `/{id}`; anything but a UUID is a faulty request, not an unknown thing. */
export const IdPath = z.object({ id: z.uuid('must be a UUID') });
export type IdPath = z.infer<typeof IdPath>;

/** A page of a list, newest first: at most `limit` entries older than the one with the id `before`. */
export const Page = z.object({
  limit: z.coerce.number('must be a number').int().min(1).max(100).default(50),
  before: z.uuid('must be a UUID').optional(),
});
export type Page = z.infer<typeof Page>;

/** What people call a thing: one line. (Postgres cannot store a NUL in text.) */
export const Label = (maxLength: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(maxLength)
    .regex(/^\P{Cc}*$/u, 'must not hold control characters');
