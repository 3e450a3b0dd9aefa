import type { Draft } from '@darkspere/agent-kit';
import { fieldToAsk } from './ask.js';
import type { Captured } from './captured.js';
import { compose, LONG_REPLY, type Part, septets, SHORT_REPLY } from './compose.js';
import type { Field } from './fields.js';
import { fresh, saidIn } from './fresh.js';
import type { KnowledgeIndex } from './knowledge-index.js';
import { partsOf, topicsOf } from './parts.js';
import { type EngagementState, readState, writeState } from './state.js';
import { type Kind, takeTurn, type Turn } from './turn.js';
import { NOTES, QUESTIONS } from './wording.js';

export interface ConverseInput {
  message: string;
  history: readonly { role: string; content: string }[];
  sessionState: unknown;
  knowledge: KnowledgeIndex;
}

export interface Conversed {
  reply: string;
  sessionState: Record<string, unknown>;
  /** Why this reply: kind, topics, what was learned, asked and promised. No words of the person. */
  reasons: string[];
  /** Room for a model's words in place of the answers; null where the rules' wording stands. */
  room: { maxChars: number; question: string | null } | null;
}

const SHORTEST_ROOM = 60;
/** Kinds after which no question is asked. */
const NO_QUESTION: readonly Kind[] = [
  'danger',
  'opt_out',
  'complaint',
  'secret',
  'unknown',
  'why',
  'injection',
  'empty',
  'refuses',
  'closing',
];
const WORDED_BY_MODEL: readonly Kind[] = ['answers', 'more', 'unknown'];

/**
 * One turn of the conversation: a pure function of the message, what was said and what is remembered. With a model's
 * draft the same rules run again around its words: introduction, question, promise and memory stay theirs.
 */
export const converse = (input: ConverseInput, draft?: Draft<Captured>): Conversed => {
  const { knowledge } = input.knowledge;
  const before = readState(input.sessionState);
  const turn = takeTurn(input.message, before, input.knowledge, draft);
  const lastReply = input.history.findLast((entry) => entry.role !== 'user')?.content ?? '';
  const mustIntroduce = !before.isIntroduced;
  const said = saidIn(lastReply);
  const answered = topicsOf(turn, knowledge);

  const body = partsOf({ turn, knowledge, said, mustIntroduce, words: draft?.text ?? null });
  const field = NO_QUESTION.includes(turn.kind) ? null : fieldToAsk(turn.state, answered, passedOver(turn));
  const end = endOf(field, turn, said, body.length);
  const max = turn.kind === 'more' ? LONG_REPLY : SHORT_REPLY;
  const { reply, kept } = compose([...body, ...end], max);
  const asked = field && kept.some((part) => part.kind === 'question') ? field : null;

  const state: EngagementState = {
    ...turn.state,
    ...(asked && { pending: asked, idle: 0, asked: { ...turn.state.asked, [asked]: (turn.state.asked[asked] ?? 0) + 1 } }),
    topics: answered.length > 0 ? answered.slice(0, 8).map((topic) => topic.id) : before.topics,
    isIntroduced: before.isIntroduced || kept.some((part) => part.kind === 'opening' && mustIntroduce),
  };
  return {
    reply,
    sessionState: writeState(input.sessionState, state),
    reasons: reasonsOf(
      turn,
      answered.map((topic) => topic.id),
      asked,
      state.isIntroduced && mustIntroduce,
    ),
    room: WORDED_BY_MODEL.includes(turn.kind) ? roomIn([...body, ...end], max, asked) : null,
  };
};

/** The field that the last reply asked for, when this text tells something else. */
const passedOver = ({ before, state, kind, learned }: Turn): { field: Field; forQuestion: boolean } | null =>
  before.idle === 0 && state.pending !== null ? { field: state.pending, forQuestion: kind !== 'chat' || learned.length === 0 } : null;

const endOf = (field: Field | null, turn: Turn, said: ReturnType<typeof saidIn>, bodyLength: number): Part[] => {
  if (field) return [{ kind: 'question', options: fresh(QUESTIONS[field], said).slice(0, 1) }];
  return turn.kind === 'chat' && !turn.newFollowUp && bodyLength < 2
    ? [{ kind: 'note', options: fresh(NOTES.openEnd, said).slice(0, 1) }]
    : [];
};

const roomIn = (parts: readonly Part[], max: number, asked: Field | null): Conversed['room'] => {
  const fixed = parts.filter((part) => part.kind !== 'answer' && part.options.length > 0);
  const room = max - fixed.reduce((sum, part) => sum + septets(part.options[0]!) + 1, 0);
  const question = parts.find((part) => part.kind === 'question')?.options[0] ?? null;
  return room < SHORTEST_ROOM ? null : { maxChars: room, question: asked ? question : null };
};

const reasonsOf = (
  { kind, learned, meaning, newFollowUp }: Turn,
  answered: string[],
  asked: Field | null,
  introduced: boolean,
): string[] => [
  kind,
  ...(introduced ? ['introduced'] : []),
  ...answered.map((id) => `topic:${id}`),
  ...learned.map((key) => `learned:${key}`),
  ...(meaning.declined ? [`declined:${meaning.declined}`] : []),
  ...(meaning.unanswered > 0 ? ['unknown_question'] : []),
  ...(meaning.signals.has('injection') ? ['injection'] : []),
  ...(asked ? [`asked:${asked}`] : []),
  ...(newFollowUp ? [`follow_up:${newFollowUp}`] : []),
];
