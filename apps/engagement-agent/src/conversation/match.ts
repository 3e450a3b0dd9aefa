import type { Topic } from './knowledge.js';
import { type KnowledgeIndex, WORD } from './knowledge-index.js';
import type { Sentence } from './sentences.js';
import { stem } from './words.js';

const PHRASE = 2;
const THRESHOLD = 2;
/** In a question as short as "what hours?", or a single word, a hint says as much as a word. */
const TERSE_WORDS = 2;
const PLAN_CONTEXT =
  /\b(?:plan|plans|tier|package|option|subscription|include|includes|included|how many|come with|comes with|get with|feature|features|limit|limits|vs|versus|difference|compare|upgrade|version|(?:tell me|more|details|info|information|know|what) about)\b/;

/**
 * The topics that a sentence speaks of, in its order. The best topic takes the words that speak for it; another one
 * counts only by words that are left, so that "enterprise plan cost" is one question and "cost and security" are two.
 * `recent` are the topics of the last answer: "and growth?" after a price means the plan.
 */
export const topicsIn = (sentence: Sentence, index: KnowledgeIndex, recent: readonly string[]): Topic[] => {
  const { topics } = index.knowledge;
  const signs = signsOf(sentence, index);
  refine(signs, sentence, topics, recent);
  const found: { topic: Topic; at: number }[] = [];
  const taken = new Set<number>();
  for (;;) {
    const best = strongest(signs, taken);
    if (!best) break;
    found.push({ topic: topics[best.topic]!, at: Math.min(...best.positions) });
    best.positions.forEach((position) => taken.add(position));
    signs.delete(best.topic);
  }
  return found.sort((a, b) => a.at - b.at).map(({ topic }) => topic);
};

/** Per topic: which position of the sentence speaks for it, how strongly. */
type Signs = Map<number, Map<number, number>>;

const signsOf = ({ words, stems, isQuestion }: Sentence, { words: postings, phrases, typos }: KnowledgeIndex): Signs => {
  const signs: Signs = new Map();
  const mark = (topic: number, position: number, weight: number) => {
    const marks = signs.get(topic) ?? new Map<number, number>();
    marks.set(position, Math.max(marks.get(position) ?? 0, weight));
    signs.set(topic, marks);
  };
  const isTerse = stems.length <= (isQuestion ? TERSE_WORDS : 1);
  stems.forEach((written, at) => {
    const known = postings.has(written) || phrases.has(written) ? written : stem(typos.correct(words[at]!));
    for (const { topic, weight } of postings.get(known) ?? []) mark(topic, at, isTerse ? WORD : weight);
    for (const { topic, stems: phrase } of phrases.get(known) ?? []) {
      // The longer a phrase, the surer: "how did you get my number" beats "my number".
      if (phrase.every((s, i) => i === 0 || s === stems[at + i])) phrase.forEach((_, i) => mark(topic, at + i, i === 0 ? PHRASE : 0.75));
    }
  });
  return signs;
};

/** A plan's name counts where plans are spoken of, and then stands for the wider topic; elsewhere it is just a word. */
const refine = (signs: Signs, { plain, stems }: Sentence, topics: Topic[], recent: readonly string[]): void => {
  for (const [at, marks] of signs) {
    const wider = topics[at]!.refines;
    if (wider === undefined) continue;
    const parent = topics.findIndex((topic) => topic.id === wider);
    const family = topics.filter((topic) => topic.id === wider || topic.refines === wider).map((topic) => topic.id);
    const siblings = [...signs.keys()].filter((other) => other !== at && topics[other]!.refines === wider).length;
    const isSpokenOf =
      scoreOf(signs.get(parent)) >= THRESHOLD ||
      PLAN_CONTEXT.test(plain) ||
      stems.length <= TERSE_WORDS ||
      siblings > 0 ||
      (stems.length <= 5 && recent.some((id) => family.includes(id)));
    if (!isSpokenOf) signs.delete(at);
    else for (const position of marks.keys()) marks.set(position, WORD + 1);
  }
  for (const wider of new Set([...signs.keys()].map((at) => topics[at]!.refines).filter((id) => id !== undefined))) {
    for (const [at] of signs) if (topics[at]!.id === wider) signs.delete(at);
  }
};

const scoreOf = (marks: Map<number, number> | undefined, taken?: ReadonlySet<number>): number => {
  let score = 0;
  for (const [position, weight] of marks ?? []) if (!taken?.has(position)) score += weight;
  return score;
};

const strongest = (signs: Signs, taken: ReadonlySet<number>): { topic: number; positions: number[] } | null => {
  let best: number | null = null;
  let bestScore = 0;
  for (const [topic, marks] of signs) {
    const score = scoreOf(marks, taken);
    if (score >= THRESHOLD && score > bestScore) [best, bestScore] = [topic, score];
  }
  return best === null ? null : { topic: best, positions: [...signs.get(best)!.keys()] };
};
