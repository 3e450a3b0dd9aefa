/** What a text asks of the channel itself, before any agent sees it. */
export type TextIntent = 'opt_out' | 'opt_in' | 'opt_in_if_out' | 'help' | null;
export interface ReadIntent {
  intent: TextIntent;
  /** `keyword`: the whole text is a reserved word; `plain_language`: a sentence that means it. */
  source: 'keyword' | 'plain_language' | null;
}

const KEYWORDS: Readonly<Record<string, Exclude<TextIntent, null>>> = {
  STOP: 'opt_out',
  STOPALL: 'opt_out',
  UNSUBSCRIBE: 'opt_out',
  CANCEL: 'opt_out',
  END: 'opt_out',
  QUIT: 'opt_out',
  REVOKE: 'opt_out',
  OPTOUT: 'opt_out',
  'OPT OUT': 'opt_out',
  'OPT-OUT': 'opt_out',
  'STOP ALL': 'opt_out',
  START: 'opt_in',
  UNSTOP: 'opt_in',
  // "yes" is also an everyday answer: it only opts in somebody who is opted out (corrections, field 2.1).
  YES: 'opt_in_if_out',
  HELP: 'help',
  INFO: 'help',
};

const SEND = '(?:text(?:ing|s)?|messag(?:e|es|ing)|contact(?:ing)?|sms(?:ing)?|bother(?:ing)?|writ(?:e|ing)|spam(?:ming)?|send(?:ing)?)';
const OBJECT = '(?:\\s+(?:to\\s+)?(?:me|us|this (?:number|phone)|my (?:number|phone|cell)))';
const THINGS = '(?:texts?|messages?|sms|spam|promotions?|offers?|ads?)';

// 47 CFR 64.1200(a)(10): a revocation in any reasonable words counts. Each pattern is anchored on an imperative or on
// "I want", so that "don't stop texting me" and "can I stop by tomorrow?" stay ordinary texts.
const REFUSALS: readonly RegExp[] = [
  new RegExp(
    `\\b(?:stop|quit|cease)\\s+(?:all\\s+)?${SEND}(?:${OBJECT}|\\s+(?:me\\s+)?(?:these|those|any|more|your|the)?\\s*${THINGS}|\\s*(?:please|now|already)?\\s*[.!]*\\s*$)`,
    'i',
  ),
  new RegExp(`\\bstop (?:the|these|this|those|all|your|sending) (?:\\w+ )?${THINGS}\\b`, 'i'),
  new RegExp(`\\b(?:do\\s*not|don'?t|never)\\s+(?:ever\\s+)?${SEND}${OBJECT}(?:\\s+(?:again|anymore|any more|ever))?`, 'i'),
  new RegExp(`\\bno more (?:\\w+ )?${THINGS}\\b`, 'i'),
  /\b(?:unsubscribe|remove|delete|take)\s+(?:me|my (?:number|phone)|this number)\b(?!\s+(?:through|to|there|back))(?:\s*(?:please|now|from|off|out|of|[.!]|$))/i,
  /\b(?:i\s+(?:want|would like|wish|need)|i'?d like|please|wanna|let me)\s+(?:to\s+)?(?:opt[\s-]*out|unsubscribe|be (?:removed|taken off|unsubscribed))\b/i,
  /^\s*(?:please\s+)?(?:opt(?:ing)?\s*(?:me\s+)?out|unsubscribe me|stop(?:\s+it)?(?:\s+(?:please|now|it))+|please\s+stop)\s*[.!]*\s*$/i,
  /\b(?:i\s+)?(?:revoke|withdraw)\s+(?:my\s+)?consent\b/i,
  /\b(?:lose|forget|delete|erase) my number\b/i,
  /\bleave me (?:the \w+ )?alone\b/i,
];
const NEGATED =
  /\b(?:do\s*not|don'?t|never|please don'?t|didn'?t|not)\s+(?:ever\s+)?(?:want (?:you )?to\s+)?(?:stop|quit|cease|unsubscribe|remove|opt|lose|forget|leave|delete|take)\b/i;
/** A refusal is short; a long text that mentions the words is a conversation about them. */
const LONGEST_REFUSAL = 240;

/**
 * Reads what a text asks of the channel. Case, surrounding punctuation and spaces do not matter, typographic
 * apostrophes count as plain ones. `body` is the text as the person typed it.
 */
export const readTextIntent = (body: string): ReadIntent => {
  const text = body
    .normalize('NFKC')
    .replace(/[\u2018\u2019\u02BC]/g, "'")
    .trim();
  const word = text
    .replace(/^[\s"'.,!*_()[\]-]+|[\s"'.,!*_()[\]-]+$/g, '')
    .replace(/\s+/g, ' ')
    .toUpperCase();
  if (Object.hasOwn(KEYWORDS, word)) return { intent: KEYWORDS[word]!, source: 'keyword' };
  if (text.length > LONGEST_REFUSAL || NEGATED.test(text)) return { intent: null, source: null };
  return REFUSALS.some((refusal) => refusal.test(text)) ? { intent: 'opt_out', source: 'plain_language' } : { intent: null, source: null };
};
