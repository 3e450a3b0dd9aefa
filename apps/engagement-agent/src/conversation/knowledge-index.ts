import type { Knowledge } from './knowledge.js';
import { Typos } from './typos.js';
import { isFiller, stem, wordsOf } from './words.js';

interface Phrase {
  topic: number;
  stems: string[];
}

/** The knowledge, prepared for look-ups: built once at start. */
export interface KnowledgeIndex {
  knowledge: Knowledge;
  words: Map<string, { topic: number; weight: number }[]>;
  phrases: Map<string, Phrase[]>;
  typos: Typos;
}

/** How much a sign says; a topic is meant from a total of 2: one word, two hints or one phrase. */
export const WORD = 2;
const HINT = 1;

export const indexOf = (knowledge: Knowledge): KnowledgeIndex => {
  const typos = new Typos(new Set(knowledge.topics.flatMap((topic) => topic.words)));
  const index: KnowledgeIndex = { knowledge, words: new Map(), phrases: new Map(), typos };
  const add = (word: string, topic: number, weight: number) => {
    const postings = index.words.get(stem(word)) ?? [];
    if (!postings.some((posting) => posting.topic === topic)) index.words.set(stem(word), [...postings, { topic, weight }]);
  };
  knowledge.topics.forEach((topic, at) => {
    topic.words.forEach((word) => add(word, at, WORD));
    topic.hints.forEach((word) => add(word, at, HINT));
    for (const phrase of topic.phrases) {
      const stems = wordsOf(phrase)
        .filter((word) => !isFiller(word))
        .map(stem);
      const first = stems[0];
      if (first) index.phrases.set(first, [...(index.phrases.get(first) ?? []), { topic: at, stems }]);
    }
  });
  return index;
};
