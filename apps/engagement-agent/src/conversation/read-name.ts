// Words that follow "I am", "this is" or stand alone without being a name.
const NOT_NAMES = new Set(
  (
    'a an the not in on at from with interested looking trying just so very sorry sure ok okay good fine great happy here back new done busy confused ' +
    'curious afraid glad tired sick angry mad upset disappointed frustrated furious all about owner founder ceo cto cfo coo it that this what how why where who when ' +
    'which ridiculous terrible stupid awesome cool nice urgent important spam scam wrong right correct true false fake bot human person real still also only really ' +
    'too going having getting unable unsure aware your you my our me we us they he she hi hello hey yes no yeah yep nope nah skip pass thanks thank please maybe ' +
    'none nothing nobody anybody anyone everyone someone stop help info start more details price pricing cost because if and or but to for of by as is are am was were ' +
    'do does did can could will would should have has had need want like responsible available ready based located part using currently already now today tomorrow ' +
    'customer client manager director developer engineer student doctor teacher amazing perfect excellent interesting enterprise growth starter trial demo well annoyed ' +
    'unhappy pissed bored hungry thinking done our private secret anonymous whatever idk lol ha haha works monday tuesday wednesday thursday friday saturday sunday tonight weekend morning afternoon evening test testing asdf bye see'
  ).split(' '),
);
const LOWER_PARTICLES = new Set([
  'de',
  'da',
  'di',
  'del',
  'della',
  'der',
  'den',
  'van',
  'von',
  'la',
  'le',
  'el',
  'al',
  'bin',
  'ben',
  'st',
  'dos',
  'du',
  'ten',
  'ter',
  'y',
]);
const WORD = "[\\p{L}][\\p{L}\\p{M}'.-]*";
const STATED = new RegExp(
  `\\b(?:my (?:first |full )?name(?:'s| is)?|(?:the )?name(?:'s| is)|call me|i go by|i'm called|i am called)[:,]?\\s+(${WORD}(?: ${WORD}){0,4})`,
  'iu',
);
const IMPLIED = new RegExp(
  `(?:^|[,;:.!-]\\s*|\\b(?:hi|hello|hey|yes|no|ok|and)\\b,?\\s+)(?:this is|i am|i'm|im|it's|its|it is)\\s+(${WORD}(?: ${WORD}){0,4})`,
  'iu',
);
const SIGNED = new RegExp(`(?:^|[,!.]\\s*|\\b(?:hi|hello|hey)\\b,?\\s+)(${WORD}(?: ${WORD}){0,3}) here\\b`, 'iu');
const TITLE = /^(?:(?:dr|mr|mrs|ms|prof)\.? )+/i;
const STOPS =
  /^(?:from|at|with|and|of|in|on|the|here|i|we|but|a|an|to|for|not|so|who|looking|calling|texting|by|my|our|is|are|am|please|thanks|or|im|speaking|again|btw)$/i;

/** A name that a sentence introduces: "I'm Ana from Acme", "my name is ana silva", "Ana here". */
export const readName = (text: string): string | null => {
  const stated = STATED.exec(text)?.[1];
  if (stated) return named(stated, false);
  const signed = SIGNED.exec(text)?.[1];
  const bySign = signed ? named(signed, true) : null;
  if (bySign) return bySign;
  const match = IMPLIED.exec(text);
  if (!match) return null;
  // "i'm ana from acme" is a name even in lower case, "i'm back from lunch" is caught by the list above.
  const isPlaced =
    /^\S+(?: \S+)? (?:from|at|with|here|of)\b/i.test(match[1]!) ||
    /^(?: |, ?)(?:from|at|with|here|of)\b/i.test(text.slice(match.index + match[0].length));
  return named(match[1]!, !isPlaced);
};

/** The answer to "what is your name": the whole sentence, if it can be one. */
export const readNameAnswer = (text: string): string | null => {
  const introduced = readName(text);
  if (introduced) return introduced;
  const bare = text
    .replace(/^(?:(?:hi|hello|sure|ok|okay|yes|yeah|oh|well|just|um|hey)[,.!]?\s+)+/i, '')
    .replace(/^(?:it's|its|it is|i'm|im|i am|this is|me is)\s+/i, '')
    .split(/[,;:]|\s(?:from|at|with)\s/i)[0]!;
  const words = bare.split(' ').filter((word) => /\p{L}/u.test(word));
  if (words.length === 0 || words.length > 4 || /\d|[?@/\\<>{}[\]=$%#_*|]/.test(bare)) return null;
  return named(words.join(' '), false);
};

const named = (candidate: string, mustBeCapitalised: boolean): string | null => {
  const kept: string[] = [];
  for (const raw of candidate.replace(TITLE, '').split(' ')) {
    const word = raw.replace(/[.'-]+$/u, '').replace(/'s$/i, '');
    if (word === '' || STOPS.test(word)) break;
    kept.push(word);
    if (/[.!]$/.test(raw) && word.length > 3) break;
  }
  const [first] = kept;
  if (!first || NOT_NAMES.has(first.toLowerCase()) || /'(?:re|ve|ll|m|d)$/i.test(first) || kept.some((word) => word.length > 24))
    return null;
  const isLower = first === first.toLowerCase() && first !== first.toUpperCase();
  if (isLower && (mustBeCapitalised || (first.endsWith('ing') && first.length > 5))) return null;
  const until = kept.findIndex(
    (word, i) => i > 0 && (NOT_NAMES.has(word.toLowerCase()) || (mustBeCapitalised && /^\p{Ll}/u.test(word) && !LOWER_PARTICLES.has(word))),
  );
  const words = (until === -1 ? kept : kept.slice(0, until)).slice(0, 4);
  return words
    .map((word, i) => (i > 0 && LOWER_PARTICLES.has(word.toLowerCase()) ? word.toLowerCase() : capitalised(word)))
    .join(' ')
    .slice(0, 60);
};

const capitalised = (word: string): string => {
  const isShouted = word.length > 2 && word === word.toUpperCase();
  const rest = isShouted ? word.slice(1).toLowerCase() : word.slice(1);
  return word.charAt(0).toUpperCase() + rest;
};
