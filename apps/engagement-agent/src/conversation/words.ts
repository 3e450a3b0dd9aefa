const SHORT: Readonly<Record<string, string>> = {
  u: 'you',
  ur: 'your',
  r: 'are',
  wat: 'what',
  wut: 'what',
  wht: 'what',
  hw: 'how',
  abt: 'about',
  pls: 'please',
  plz: 'please',
  thx: 'thanks',
  tnx: 'thanks',
  thnx: 'thanks',
  ty: 'thank you',
  txt: 'text',
  txts: 'texts',
  msg: 'message',
  msgs: 'messages',
  info: 'information',
  wanna: 'want to',
  gonna: 'going to',
  gotta: 'have to',
  gimme: 'give me',
  lemme: 'let me',
  dunno: 'do not know',
  ppl: 'people',
  cuz: 'because',
  im: 'i am',
  ive: 'i have',
  id: 'i would',
  youre: 'you are',
  whats: 'what is',
  hows: 'how is',
  wheres: 'where is',
  whos: 'who is',
  thats: 'that is',
  its: 'it is',
  dont: 'do not',
  doesnt: 'does not',
  didnt: 'did not',
  cant: 'can not',
  cannot: 'can not',
  wont: 'will not',
  isnt: 'is not',
  arent: 'are not',
  couldnt: 'could not',
  wouldnt: 'would not',
  theres: 'there is',
  yall: 'you',
};
const ENDINGS: readonly [RegExp, string][] = [
  [/n't$/, ' not'],
  [/'re$/, ' are'],
  [/'m$/, ' am'],
  [/'ve$/, ' have'],
  [/'ll$/, ' will'],
  [/'d$/, ' would'],
  [/'s$/, ' is'],
];

/** Lower-case words of a text, without accents and punctuation, contractions and texting shorthand written out. */
export const wordsOf = (text: string): string[] => {
  const plain = text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  return (plain.match(/[a-z0-9]+(?:'[a-z]+)?/g) ?? []).flatMap((word) => writtenOut(word).split(' '));
};

const writtenOut = (word: string): string => {
  if (word === "can't") return 'can not';
  if (word === "won't") return 'will not';
  const bare = word.replace("'", '');
  if (Object.hasOwn(SHORT, bare)) return SHORT[bare]!;
  for (const [ending, full] of ENDINGS) if (ending.test(word)) return word.replace(ending, full);
  return bare;
};

const FILLERS = new Set([
  'a',
  'an',
  'the',
  'any',
  'some',
  'just',
  'really',
  'actually',
  'please',
  'even',
  'exactly',
  'also',
  'basically',
  'kind',
  'sort',
  'maybe',
]);

/** The words that carry a question's meaning, for phrases to be found whatever small words are between. */
export const isFiller = (word: string): boolean => FILLERS.has(word);

const SUFFIXES = ['ation', 'ition', 'ness', 'ment', 'ance', 'ence', 'able', 'ible', 'ant', 'ent', 'ion', 'ity', 'ing', 'ed', 'ly', 'al'];
const SHORTEST_STEM = 4;

/** A light stemmer: price, prices, pricing → pric; integrate, integrations → integr. Only ever compared with itself. */
export const stem = (word: string): string => {
  if (word.length < SHORTEST_STEM || /\d/.test(word)) return word;
  let root = word;
  if (root.endsWith('ies')) root = `${root.slice(0, -3)}y`;
  else if (/(?:ch|sh|x|ss)es$/.test(root)) root = root.slice(0, -2);
  else if (/[^siu]s$/.test(root)) root = root.slice(0, -1);
  for (let pass = 0; pass < 2; pass += 1) {
    const suffix = SUFFIXES.find((s) => root.endsWith(s) && root.length - s.length >= SHORTEST_STEM);
    if (!suffix) break;
    root = root.slice(0, -suffix.length);
  }
  if (root.length > SHORTEST_STEM) root = root.replace(/e$/, '');
  if (root.length >= 6) root = root.replace(/at$/, '');
  return undouble(root.replace(/y$/, 'i'));
};

const undouble = (root: string): string => root.replace(/([b-df-hj-np-tv-z])\1$/, '$1');
