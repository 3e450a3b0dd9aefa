import { z } from 'zod';

/** What a model contributes to an answer. Nothing else in its output has an effect. */
export interface Draft<C> {
  text: string;
  /** False when the model itself says that the facts it was given do not answer the text. */
  isAnswered: boolean;
  captured: C;
}

export class UnreadableDraft extends Error {
  constructor(why: string) {
    super(why);
    this.name = 'UnreadableDraft';
  }
}

// Line feeds are fine in a text message, every other control character and bidi override is not.
// oxlint-disable-next-line no-control-regex
const FORBIDDEN = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/;
const LONGEST_REPLY = 4_000;

const Reply = z
  .string()
  .trim()
  .min(1)
  .max(LONGEST_REPLY)
  .refine((text) => !FORBIDDEN.test(text), 'control characters');

/**
 * Reads a model's output: the JSON object it was asked for, or, as small models do, a bare text. `captured` decides
 * which fields exist; unknown ones are dropped, a set that does not fit counts as none.
 */
export const readDraft = <C>(output: string, captured: z.ZodType<C>, none: C): Draft<C> => {
  // Reasoning models put their thoughts first; fences are a habit.
  const text = output
    .replace(/\r\n/g, '\n')
    .replace(/^\s*<think>[\s\S]*?<\/think>/i, '')
    .replace(/^\s*```(?:json)?\s*([\s\S]*?)```\s*$/i, '$1')
    .trim();
  const parsed = z
    .object({
      reply: Reply,
      answered: z.boolean().catch(true),
      captured: captured.catch(none as never),
    })
    .safeParse(text.startsWith('{') || text.startsWith('[') ? json(text) : { reply: text });
  if (!parsed.success) throw new UnreadableDraft(parsed.error.issues.map((i) => `${i.path.join('.')}: ${i.message}`).join('; '));
  return { text: parsed.data.reply, isAnswered: parsed.data.answered, captured: parsed.data.captured as C };
};

const json = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    throw new UnreadableDraft('broken JSON');
  }
};
