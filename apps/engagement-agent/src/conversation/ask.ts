import { FIELDS, type Field } from './fields.js';
import type { Topic } from './knowledge.js';
import { type EngagementState, isSettled } from './state.js';

const MOST_ASKS = 2;
/** What a person who takes over still wants to know. */
const FOR_FOLLOW_UP: readonly Field[] = ['name', 'company', 'need'];

/**
 * The one field to ask for now, or null. Never one that is known, declined or was asked for twice; what fits the
 * answer just given comes first; and a question that was passed over is followed by a reply without one.
 */
export const fieldToAsk = (state: EngagementState, answered: readonly Topic[], wasPassedOver: boolean): Field | null => {
  const hint = answered.at(-1)?.ask;
  if (wasPassedOver || answered.some((topic) => topic.ask === 'none')) return null;
  const open = (state.followUp ? FOR_FOLLOW_UP : FIELDS).filter(
    (field) => !isSettled(state, field) && (state.asked[field] ?? 0) < MOST_ASKS,
  );
  return open.find((field) => field === hint) ?? open[0] ?? null;
};
