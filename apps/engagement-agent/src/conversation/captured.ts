import { z } from 'zod';
import { COMPANY_SIZES, INDUSTRIES } from './fields.js';
import { needText } from './read-need.js';
import type { Profile } from './state.js';

// A name or company is a short line of letters: no address, number or markup rides along.
const name = (max: number) =>
  z
    .string()
    .trim()
    .max(max)
    .regex(/^\p{L}[\p{L}\p{M}\d '&.,+-]*$/u)
    .refine((value) => !/\d{5,}|\.(?:com|net|org|io)\b/i.test(value));

/** What a model may read out of a text. Whatever else it returns has no place to go. */
export const Captured = z.object({
  name: name(60).optional().catch(undefined),
  company: name(80).optional().catch(undefined),
  company_size: z.enum(COMPANY_SIZES).optional().catch(undefined),
  need: z.string().trim().min(4).max(160).optional().catch(undefined),
  industry: z.enum(INDUSTRIES).optional().catch(undefined),
});
export type Captured = z.infer<typeof Captured>;

/** Adds what a model read to what the rules read and knew; it fills gaps only, and only with words of the message. */
export const withCaptured = (known: Profile, captured: Captured, message: string): Profile => {
  const text = message.toLowerCase();
  const isQuoted = (value: string | undefined): value is string => value !== undefined && text.includes(value.toLowerCase());
  const read: Profile = {
    ...(isQuoted(captured.name) && { name: captured.name }),
    ...(isQuoted(captured.company) && { company: captured.company }),
    ...(captured.company_size && { company_size: captured.company_size }),
    ...(captured.need && { need: needText(captured.need) }),
    ...(captured.industry && { industry: captured.industry }),
  };
  return { ...read, ...known };
};
