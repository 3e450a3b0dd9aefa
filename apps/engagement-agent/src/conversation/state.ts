import { z } from 'zod';
import { COMPANY_SIZES, FIELDS, FOLLOW_UP_REASONS, INDUSTRIES, type Field } from './fields.js';

const line = (max: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(max)
    .regex(/^\P{Cc}+$/u);
const field = z.enum(FIELDS);
const idList = z.array(z.string().max(60)).max(8);

/** Each part that is missing or malformed is replaced on its own: one odd value must not cost the whole memory. */
const EngagementState = z.object({
  profile: z
    .object({
      name: line(60).optional().catch(undefined),
      company: line(80).optional().catch(undefined),
      company_size: z.enum(COMPANY_SIZES).optional().catch(undefined),
      need: line(200).optional().catch(undefined),
      /** Never asked for; noted when somebody says it. */
      industry: z.enum(INDUSTRIES).optional().catch(undefined),
    })
    .catch({}),
  /** Fields that the person does not want to tell. */
  declined: z.array(field).max(FIELDS.length).catch([]),
  /** How often each field was asked for. */
  asked: z.partialRecord(field, z.int().min(0).max(99)).catch({}),
  /** The field that was asked for last and not answered yet, and how many texts came since. */
  pending: field.nullable().catch(null),
  idle: z.int().min(0).max(99).catch(0),
  /** Questions in a row that had no answer. */
  unknowns: z.int().min(0).max(99).catch(0),
  /** Topics of the last answer, for "tell me more". */
  topics: idList.catch([]),
  isIntroduced: z.boolean().catch(false),
  followUp: z
    .object({ wanted: z.literal(true), reason: z.enum(FOLLOW_UP_REASONS) })
    .nullable()
    .catch(null),
});
export type EngagementState = z.infer<typeof EngagementState>;
export type Profile = EngagementState['profile'];

/** The agent's own part of a session's state, repaired: other agents, older versions and hands may have written it. */
export const readState = (sessionState: unknown): EngagementState => {
  const own = isObject(sessionState) && Object.hasOwn(sessionState, 'engagement') ? sessionState.engagement : undefined;
  const state = EngagementState.parse(isObject(own) ? own : {});
  return { ...state, declined: [...new Set(state.declined)], profile: defined(state.profile) };
};

/**
 * The session's state with the agent's part replaced and what others keep there untouched. It is stored as a merge patch
 * (RFC 7396): a null here removes the key there, and no rule depends on a key of an object going away.
 */
export const writeState = (sessionState: unknown, engagement: EngagementState): Record<string, unknown> => ({
  ...(isObject(sessionState) ? sessionState : {}),
  engagement,
});

export const isSettled = (state: EngagementState, wanted: Field): boolean =>
  state.profile[wanted] !== undefined || state.declined.includes(wanted);

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

const defined = (profile: Profile): Profile => Object.fromEntries(Object.entries(profile).filter(([, v]) => v !== undefined));
