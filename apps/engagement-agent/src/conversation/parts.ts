import { type Part } from './compose.js';
import { fresh, type Said } from './fresh.js';
import type { Knowledge, Topic } from './knowledge.js';
import type { Turn } from './turn.js';
import { ACKS, NOTES } from './wording.js';

interface Stage {
  turn: Turn;
  knowledge: Knowledge;
  said: Said;
  /** The person has not been told yet that an AI is writing (EU AI Act, art. 50: at first contact). */
  mustIntroduce: boolean;
  /** A model's words, in place of the answers. */
  words: string | null;
}

/** The topics that a reply answers: those asked about, or for "tell me more" those of the last answer. */
export const topicsOf = ({ kind, meaning, before }: Turn, { topics }: Knowledge): Topic[] => {
  if (kind !== 'answers' && kind !== 'more') return [];
  if (meaning.topics.length > 0 || kind === 'answers') return meaning.topics;
  const recent = topics.filter((topic) => before.topics.includes(topic.id));
  return recent.length > 0 ? recent : topics.slice(0, 1);
};

/** What a reply is made of, without the question at its end. */
export const partsOf = (stage: Stage): Part[] => {
  const { turn, knowledge, said, mustIntroduce } = stage;
  const { scope, intro, introShort } = knowledge.assistant;
  const say = (kind: Part['kind'], variants: readonly string[]): Part => ({ kind, options: fresh(variants, said).slice(0, 1) });
  const greet: Part[] = mustIntroduce ? [{ kind: 'opening', options: [intro, introShort] }] : [];
  const open = mustIntroduce
    ? [...greet, ...(turn.learned.includes('name') ? acknowledgement(turn, said) : [])]
    : acknowledgement(turn, said);
  const promise = promiseOf(stage);

  switch (turn.kind) {
    case 'danger':
      return [say('promise', NOTES.danger)];
    case 'opt_out':
      return [say('promise', NOTES.optOut)];
    case 'complaint':
      return [...greet, say('note', NOTES.sorry), ...promise];
    case 'secret':
      return [...greet, say('promise', NOTES.secret)];
    case 'more':
    case 'answers':
      return [...open, ...answersOf(stage), ...(turn.meaning.unanswered > 0 ? [say('note', NOTES.unknownToo)] : []), ...promise];
    case 'person':
      return [...open, ...promise];
    case 'unknown':
      return turn.newFollowUp
        ? [...open, say('note', NOTES.unknownAgain), ...promise]
        : [...open, say('answer', turn.meaning.signals.has('not_helped') ? NOTES.notHelped : NOTES.unknown(scope))];
    case 'why':
      return [say('answer', NOTES.why)];
    case 'injection':
      return [...greet, say('answer', NOTES.scopeOnly(scope))];
    case 'empty':
      return [...greet, say('answer', NOTES.invite(scope))];
    case 'refuses':
      return [...greet, say('answer', NOTES.noQuestions), say('note', NOTES.openEnd)];
    case 'closing':
      return [...open, say('note', NOTES.anytime)];
    case 'unclear':
      if (turn.before.followUp) return [...greet, say('answer', NOTES.passedOn)];
      return [...greet, say('answer', mustIntroduce ? NOTES.invite(scope) : NOTES.unclear(scope))];
    case 'chat':
      if (turn.newFollowUp) return [...open, say('note', NOTES.complete), ...promise];
      return (mustIntroduce && open.length === 1) || turn.meaning.signals.has('greeting')
        ? [...open, say('note', NOTES.invite(scope))]
        : open;
    default:
      return turn.kind satisfies never;
  }
};

const acknowledgement = ({ learned, state, meaning, kind }: Turn, said: Said): Part[] => {
  const variants = (): readonly string[] => {
    const { signals } = meaning;
    if (learned.includes('name') && state.profile.name && /^[\p{Script=Latin}' .-]+$/u.test(state.profile.name))
      return ACKS.named(state.profile.name.split(' ')[0]!);
    if (learned.length > 0) return ACKS.noted;
    if (signals.has('thanks')) return ACKS.welcome;
    if (kind === 'closing') return signals.has('no') ? ACKS.declined : ACKS.bye;
    if (meaning.declined) return ACKS.declined;
    if (signals.has('greeting') && kind === 'chat') return ACKS.greeting;
    if (kind !== 'chat') return [];
    return signals.has('no') || signals.has('skip') ? ACKS.declined : ACKS.nod;
  };
  const options = fresh(variants(), said).slice(0, 1);
  return options.length > 0 ? [{ kind: 'opening', options }] : [];
};

const answersOf = ({ turn, knowledge, said, words }: Stage): Part[] => {
  if (words !== null) return [{ kind: 'answer', options: [words] }];
  return topicsOf(turn, knowledge).map(({ say, brief, more }) => {
    const short = fresh(brief ? [...say, brief] : say, said);
    if (turn.kind !== 'more') return { kind: 'answer', options: short };
    const unsaid = more ? fresh([more], said).filter((text) => text === more) : [];
    return {
      kind: 'answer',
      options: unsaid.length > 0 ? [more!, ...short] : fresh(more ? NOTES.noMore : [...say, ...NOTES.noMore], said),
    };
  });
};

const promiseOf = ({ turn, knowledge, said }: Stage): Part[] => {
  const { signals } = turn.meaning;
  const isAskedAgain =
    turn.state.followUp !== null &&
    (turn.kind === 'person' ||
      signals.has('wants_person') ||
      signals.has('complaint') ||
      turn.meaning.topics.some((topic) => topic.followUp));
  if (!turn.newFollowUp && !isAskedAgain) return [];
  const { promise, already } = knowledge.followUp;
  return [{ kind: 'promise', options: fresh(turn.newFollowUp && !turn.before.followUp ? promise : already, said).slice(0, 1) }];
};
