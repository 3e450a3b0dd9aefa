import { isGsm7 } from '@darkspere/agent-kit';
import { z } from 'zod';
import { FIELDS, FOLLOW_UP_REASONS } from './fields.js';

// Limits that let two short answers, or one full answer with the introduction and a question, fit in two SMS parts.
const INTRO_CHARS = 70;
const SAY_CHARS = 145;
const BRIEF_CHARS = 90;
const MORE_CHARS = 900;

const text = (max: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(max)
    .refine(isGsm7, 'has a character that is not GSM-7, which halves what fits in a text')
    .refine((value) => !/[{}]/.test(value), 'names a fact in {braces} that "facts" does not have')
    .refine((value) => !value.includes('?'), 'asks a question; the agent adds its own, at most one a reply');
const words = z.array(z.string().trim().toLowerCase().regex(/^\S+$/, 'is not a single word')).default([]);

export const Topic = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]+$/),
  /** One of these words is enough to mean this topic; of `hints` it takes two; a phrase is the strongest sign. */
  words,
  hints: words,
  phrases: z.array(z.string().trim().min(3)).default([]),
  /** The id of a wider topic that this one replaces when its word is used in that topic's context. */
  refines: z.string().optional(),
  /** What is natural to ask after this answer; `none`: nothing. */
  ask: z.enum([...FIELDS, 'none']).optional(),
  /** Speaking of this means that a person takes over, for this reason. */
  followUp: z.enum(FOLLOW_UP_REASONS).optional(),
  /** Naming this topic tells what somebody needs. */
  isNeed: z.boolean().default(false),
  /** Variants of the answer, so that it is not repeated word for word. */
  say: z.array(text(SAY_CHARS)).min(1),
  /** For texts with several questions. */
  brief: text(BRIEF_CHARS).optional(),
  /** For "tell me more". */
  more: text(MORE_CHARS).optional(),
});
export type Topic = z.infer<typeof Topic>;

const variants = z.array(text(SAY_CHARS)).min(2);

/** The knowledge file: what the agent knows and says, all of it editable. `{key}` in a text stands for a fact. */
export const Knowledge = z.preprocess(
  fillIn,
  z
    .strictObject({
      assistant: z.strictObject({ intro: text(INTRO_CHARS), introShort: text(INTRO_CHARS), scope: text(80) }),
      followUp: z.strictObject({ promise: variants, already: variants }),
      facts: z.record(z.string(), z.string()),
      topics: z.array(Topic).min(1),
    })
    .superRefine(({ topics }, context) => {
      const ids = topics.map((topic) => topic.id);
      topics.forEach(({ id, refines }, i) => {
        const fault = (message: string, key: string) => context.addIssue({ code: 'custom', message, path: ['topics', i, key] });
        if (ids.indexOf(id) !== i) fault(`"${id}" is used twice`, 'id');
        if (refines !== undefined && !ids.includes(refines)) fault(`no topic "${refines}"`, 'refines');
      });
    }),
);
export type Knowledge = z.infer<typeof Knowledge>;

/** Puts facts in place of `{key}`. What no fact explains stays as it is, and `text` refuses braces. */
function fillIn(file: unknown): unknown {
  const facts = Object(Object(file).facts) as Record<string, unknown>;
  const fill = (value: unknown): unknown => {
    if (typeof value === 'string')
      return value.replace(/\{(\w+)\}/g, (all, key: string) => (Object.hasOwn(facts, key) ? String(facts[key]) : all));
    if (Array.isArray(value)) return value.map(fill);
    return value && typeof value === 'object' ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, fill(v)])) : value;
  };
  return fill(file);
}
