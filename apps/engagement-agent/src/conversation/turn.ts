import type { Draft } from '@darkspere/agent-kit';
import { readTextIntent } from '@darkspere/domain';
import { type Captured, withCaptured } from './captured.js';
import { type Field, FIELDS, type FollowUpReason, isMoreUrgent } from './fields.js';
import type { KnowledgeIndex } from './knowledge-index.js';
import { PRIVATE_PERSON } from './read-company.js';
import { readSentences } from './sentences.js';
import type { EngagementState, Profile } from './state.js';
import { type Understanding, understand } from './understand.js';

/** What kind of reply a message calls for; the first that fits, in this order. */
export type Kind =
  | 'danger'
  | 'opt_out'
  | 'complaint'
  | 'secret'
  | 'more'
  | 'answers'
  | 'person'
  | 'unknown'
  | 'why'
  | 'injection'
  | 'empty'
  | 'refuses'
  | 'closing'
  | 'unclear'
  | 'chat';

export interface Turn {
  kind: Kind;
  meaning: Understanding;
  before: EngagementState;
  /** The state that holds after this message, before what the reply adds to it. */
  state: EngagementState;
  learned: (keyof Profile)[];
  /** A follow-up that this message caused, or made more urgent. */
  newFollowUp: FollowUpReason | null;
}

const UNKNOWNS_BEFORE_A_PERSON = 2;
const LATEST_ANSWER = 2;

export const takeTurn = (message: string, before: EngagementState, index: KnowledgeIndex, draft?: Draft<Captured>): Turn => {
  const sentences = readSentences(message);
  const meaning = understand(sentences, before, index);
  if (draft) Object.assign(meaning, { unanswered: 0, unclear: 0 });
  const profile = { ...(draft ? withCaptured(before.profile, draft.captured, message) : before.profile), ...meaning.captured };
  const learned = (Object.keys(profile) as (keyof Profile)[]).filter((key) => profile[key] !== before.profile[key]);
  const kind = sentences.length === 0 ? 'empty' : kindOf(meaning, before, message, learned.length > 0, draft !== undefined);
  const isAnswer = kind === 'answers' || kind === 'more';
  const unknowns = meaning.unanswered === 0 && isAnswer ? 0 : before.unknowns + meaning.unanswered;
  const declined: Field[] = meaning.signals.has('refuses_questions')
    ? [...FIELDS]
    : [...before.declined, ...(meaning.declined ? [meaning.declined] : [])];
  if (profile.company === PRIVATE_PERSON) declined.push('company_size');
  const state: EngagementState = {
    ...before,
    profile,
    declined: [...new Set(declined)].filter((field) => profile[field] === undefined),
    unknowns: Math.min(unknowns, 99),
    ...stillPending(before, profile, declined),
  };
  const reason = followUpReason(meaning, state, kind);
  const newFollowUp = reason && isMoreUrgent(reason, before.followUp?.reason ?? null) ? reason : null;
  if (newFollowUp) Object.assign(state, { followUp: { wanted: true, reason: newFollowUp }, unknowns: 0 });
  return { kind, meaning, before, state, learned, newFollowUp };
};

/** An answer may come a text late ("how much is growth?", "oh, and it's Ana"); later than that a bare word is no answer. */
const stillPending = (
  { pending, idle }: EngagementState,
  profile: Profile,
  declined: readonly Field[],
): Pick<EngagementState, 'pending' | 'idle'> =>
  pending && profile[pending] === undefined && !declined.includes(pending) && idle < LATEST_ANSWER
    ? { pending, idle: idle + 1 }
    : { pending: null, idle: 0 };

const kindOf = (meaning: Understanding, before: EngagementState, message: string, hasLearned: boolean, isDrafted: boolean): Kind => {
  const { signals, topics } = meaning;
  if (signals.has('danger')) return 'danger';
  // The gateway acts on a refusal before any agent sees it; should one arrive here, it is not talked over.
  if (readTextIntent(message).intent === 'opt_out') return 'opt_out';
  if (signals.has('complaint')) return 'complaint';
  if (signals.has('secret')) return 'secret';
  if (signals.has('more')) return 'more';
  if (topics.length > 0 || isDrafted) return 'answers';
  if (signals.has('wants_person') || signals.has('asks_when')) return 'person';
  if (signals.has('asks_why') && before.pending) return 'why';
  if (signals.has('injection')) return 'injection';
  if (meaning.unanswered > 0) return 'unknown';
  if (signals.has('refuses_questions')) return 'refuses';
  if (hasLearned || meaning.declined) return 'chat';
  if (signals.has('thanks') || signals.has('bye') || (signals.has('no') && !before.pending)) return 'closing';
  return meaning.unclear > 0 && !signals.has('greeting') ? 'unclear' : 'chat';
};

const followUpReason = ({ signals, topics }: Understanding, { profile, unknowns }: EngagementState, kind: Kind): FollowUpReason | null => {
  if (kind === 'opt_out') return null;
  const reasons: FollowUpReason[] = topics.flatMap((topic) => topic.followUp ?? []);
  if (signals.has('danger')) reasons.push('safety');
  if (signals.has('complaint')) reasons.push('complaint');
  if (signals.has('wants_person')) reasons.push('asked_for_person');
  if (unknowns >= UNKNOWNS_BEFORE_A_PERSON) reasons.push('unknown_question');
  if (FIELDS.every((field) => profile[field] !== undefined)) reasons.push('profile_complete');
  return reasons.reduce<FollowUpReason | null>((worst, reason) => (isMoreUrgent(reason, worst) ? reason : worst), null);
};
