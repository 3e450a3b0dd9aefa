import type { Field } from './fields.js';
import type { Topic } from './knowledge.js';
import type { KnowledgeIndex } from './knowledge-index.js';
import { topicsIn } from './match.js';
import { readNeedAnswer } from './read-need.js';
import { readAnswer, readProfile } from './read-profile.js';
import { type Sentence, toSentence } from './sentences.js';
import { type Signal, signalsIn } from './signals.js';
import type { EngagementState, Profile } from './state.js';

/** What a message means, sentence by sentence put together. */
export interface Understanding {
  signals: Set<Signal>;
  topics: Topic[];
  captured: Profile;
  /** The question for this field was answered with "rather not". */
  declined: Field | null;
  /** Questions that no topic answers. */
  unanswered: number;
  /** Statements that say nothing we know of. */
  unclear: number;
}

/** Signals after which a sentence is not searched for what it tells about the person. */
const UNTRUSTED: readonly Signal[] = ['injection', 'secret', 'danger', 'complaint'];
/** "no, thanks" turns a question down; "no, I don't want a demo" something else. */
const SHORT_NO = 3;
/** Signals that are not the answer to a question of ours. */
const NO_ANSWER: readonly Signal[] = [
  'greeting',
  'thanks',
  'bye',
  'yes',
  'no',
  'skip',
  'refuses_questions',
  'asks_why',
  'more',
  'not_helped',
  'wants_person',
  ...UNTRUSTED,
];

export const understand = (sentences: readonly Sentence[], state: EngagementState, index: KnowledgeIndex): Understanding => {
  const meaning: Understanding = { signals: new Set(), topics: [], captured: {}, declined: null, unanswered: 0, unclear: 0 };
  let pending = state.pending;
  for (const sentence of sentences) {
    const signals = signalsIn(sentence);
    const has = (...any: readonly Signal[]): boolean => any.some((signal) => signals.has(signal));
    if (pending && !sentence.isQuestion && (has('skip') || (has('no') && sentence.words.length <= SHORT_NO))) meaning.declined = pending;

    const told = has(...UNTRUSTED) ? {} : readProfile(sentence);
    const answer =
      pending && !sentence.isQuestion && !has(...NO_ANSWER) ? answerTo(pending, sentence, index, told, state.profile.company) : {};
    const captured = { ...answer, ...told };
    Object.assign(meaning.captured, captured);
    if (pending && captured[pending] !== undefined) pending = null;

    const topics = has('danger', 'greeting', 'no', 'not_helped') ? [] : topicsOf(sentence, captured, answer, index, state.topics);
    // "I'd like to know more", of nothing yet: what this is about, in short.
    if (has('more') && topics.length + meaning.topics.length + state.topics.length === 0) {
      signals.delete('more');
      topics.push(index.knowledge.topics[0]!);
    }
    if (state.followUp && has('asks_when')) topics.length = 0;
    else signals.delete('asks_when');
    meaning.topics.push(...topics.filter((topic) => !meaning.topics.includes(topic)));
    if (!sentence.isQuestion && topics.some((topic) => topic.isNeed) && captured.need === undefined) {
      const need = readNeedAnswer(sentence.text);
      if (need !== null && sentence.words.length > 1 && (state.profile.need ?? meaning.captured.need) === undefined)
        meaning.captured.need = need;
    }
    signals.forEach((signal) => meaning.signals.add(signal));
    if (has('not_helped')) meaning.unanswered += 1;
    if (topics.length > 0 || signals.size > 0 || Object.keys(captured).length > 0) continue;
    const isWordless = !/[\p{L}\p{N}]/u.test(sentence.text);
    // Emoji and punctuation alone are a nod, "???" is not.
    if (isWordless && !sentence.isQuestion) meaning.signals.add('yes');
    else if (isWordless || !sentence.isQuestion) meaning.unclear += 1;
    else meaning.unanswered += 1;
  }
  return meaning;
};

/** What the person tells as an answer to our question, unless a short text is rather a question of theirs ("pricing"). */
const answerTo = (pending: Field, sentence: Sentence, index: KnowledgeIndex, told: Profile, company: string | undefined): Profile => {
  // "My name is Ana" is no answer to "what for?".
  if (pending === 'need' && (told.name ?? told.company ?? told.company_size) !== undefined) return {};
  const topics = topicsIn(sentence, index, []);
  if (topics.length > 0 && pending !== 'company_size') {
    const isBrief = sentence.words.length <= 3;
    const isName = pending === 'name' ? CLASHING_NAMES.test(sentence.text) : pending === 'company' && COMPANY_ENDING.test(sentence.text);
    const isNeed = pending === 'need' && (topics.some((topic) => topic.isNeed) || !isBrief);
    const isTitled = pending === 'company' && sentence.words.length > 1 && /^(?:\p{Lu}\S*\s?)+$/u.test(sentence.text);
    if (!isName && !isNeed && !isTitled) return {};
  }
  const answer = readAnswer(pending, sentence);
  const isOwnCompany = answer.name !== undefined && company !== undefined && company.toLowerCase().startsWith(answer.name.toLowerCase());
  return isOwnCompany ? {} : answer;
};

// First names that are also words of some topic.
const CLASHING_NAMES =
  /^(?:it's |i'm |this is )?(?:Bill|Mark|Grant|Will|Rich|Price|Hope|Art|Chip|Dot|Page|Penny|Max|Sue|Job|Frank|Trusty?)\b/i;
const COMPANY_ENDING =
  /\b(?:inc|llc|ltd|corp|co|company|group|partners|gmbh|labs|studio|solutions|services|consulting|agency|bank|clinic|dental|law)\b\.?$/i;

/** Topics of a sentence, without those that only its names suggest ("Growth Partners" is not the plan). */
const topicsOf = (sentence: Sentence, captured: Profile, answer: Profile, index: KnowledgeIndex, recent: readonly string[]): Topic[] => {
  if (answer.need !== undefined) return [];
  if (answer.company_size !== undefined && sentence.words.length <= 3) return [];
  const names = [captured.name, captured.company].filter((name) => name !== undefined);
  const rest = names.reduce((text, name) => without(text, name), sentence.text);
  const topics = topicsIn(rest === sentence.text ? sentence : toSentence(rest), index, recent);
  if (topics.length > 0 || /[a-z0-9]/i.test(sentence.plain) || !/\p{L}/u.test(sentence.text) || names.length > 0) return topics;
  // Letters, none of them Latin: say which languages are spoken here.
  return index.knowledge.topics.filter((topic) => topic.id === 'languages');
};

const without = (text: string, name: string): string => {
  const at = text.toLowerCase().indexOf(name.toLowerCase());
  return at < 0 ? text : `${text.slice(0, at)} ${text.slice(at + name.length)}`;
};
