import { isFiller, stem, wordsOf } from './words.js';

export interface Sentence {
  /** As it was written, apart from typographic quotes and odd spaces. */
  text: string;
  /** All words, lower-case, contractions written out, one space between them. */
  plain: string;
  /** The words that are left without fillers, and their stems, position by position. */
  words: string[];
  stems: string[];
  isQuestion: boolean;
}

/** A text of 10 SMS parts is about 1,600 characters; what is beyond is not read. */
const LONGEST_MESSAGE = 2_000;
const MOST_SENTENCES = 16;
const LONGEST_SENTENCE = 600;
const MOST_WORDS = 80;

// Control characters other than line feeds, zero-width ones, changes of direction.
// oxlint-disable-next-line no-control-regex
const UNSEEN = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;
const OPENERS =
  /^(?:(?:hi|hello|hey|yo|ok|okay|so|and|but|also|well|um|sorry|please|thanks|thank you|cool|great|good|morning|afternoon|evening|quick question|question|one more thing|then|now|there|again) )*/;
const ASKS =
  /^(?:what|how|who|when|where|why|which|whose|do|does|did|can|could|is|are|am|will|would|should|may|might|have you|has|any chance|tell me|explain|i want to know|i would like to know|i need to know|want to know|wondering|i am wondering|i was wondering|curious|i am curious|wanted to ask|i want to ask|i have a question|let me know)\b/;

/** A message as sentences. Several texts that were joined by line breaks are just more sentences. */
export const readSentences = (message: unknown): Sentence[] =>
  (typeof message === 'string' ? message : '')
    .slice(0, LONGEST_MESSAGE)
    .normalize('NFKC')
    .replace(/[\u2018\u2019\u02bc\u00b4`]/g, "'")
    .replace(/[\u201c\u201d]/g, '"')
    .replace(UNSEEN, ' ')
    .split(/\n+|(?<=[.!?\u2026])(?<!\b(?:dr|mr|mrs|ms|prof|st|vs|no)\.)\s+/i)
    .map((text) => text.replace(/\s+/g, ' ').trim().slice(0, LONGEST_SENTENCE))
    .filter((text) => text !== '')
    .slice(0, MOST_SENTENCES)
    .map(toSentence);

export const toSentence = (text: string): Sentence => {
  const all = wordsOf(text).slice(0, MOST_WORDS);
  const words = all.filter((word) => !isFiller(word));
  const plain = all.join(' ');
  return { text, plain, words, stems: words.map(stem), isQuestion: text.includes('?') || ASKS.test(plain.replace(OPENERS, '')) };
};
