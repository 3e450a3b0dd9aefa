import { FIELDS, type Field } from './fields.js';
import type { Topic } from './knowledge.js';
import { type EngagementState, isSettled } from './state.js';

const MOST_ASKS = 2;
/** What a person who takes over still wants to know. */
const FOR_FOLLOW_UP: readonly Field[] = ['name', 'company', 'need'];

/**
 * The one field to ask for now, or null. Never one that is known, declined or was asked for twice; what fits the
 * answer just given comes first. A question that was passed over is not put again at once; when it was passed over
 * for a question of theirs, the reply to that asks nothing.
 */
export const fieldToAsk = (
  state: EngagementState,
  answered: readonly Topic[],
  passedOver: { field: Field; forQuestion: boolean } | null,
): Field | null => {
  const hint = answered.at(-1)?.ask;
  if (passedOver?.forQuestion || answered.some((topic) => topic.ask === 'none')) return null;
  const open = (state.followUp ? FOR_FOLLOW_UP : FIELDS).filter(
    (field) => field !== passedOver?.field && !isSettled(state, field) && (state.asked[field] ?? 0) < MOST_ASKS,
  );
  return open.find((field) => field === hint) ?? open[0] ?? null;
};
