const BASIC =
  '@£$¥èéùìòÇ\nØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà';
const EXTENDED = '^{}\\[~]|€';
const SEPTETS: ReadonlyMap<string, number> = new Map([
  ...[...BASIC].map((c) => [c, 1] as const),
  ...[...EXTENDED].map((c) => [c, 2] as const),
]);
const PLAIN: Readonly<Record<string, string>> = {
  '\u2018': "'",
  '\u2019': "'",
  '\u201a': "'",
  '\u02bc': "'",
  '`': "'",
  '\u00b4': "'",
  '\u201c': '"',
  '\u201d': '"',
  '\u201e': '"',
  '\u00ab': '"',
  '\u00bb': '"',
  '\u2010': '-',
  '\u2011': '-',
  '\u2012': '-',
  '\u2013': '-',
  '\u2014': '-',
  '\u2212': '-',
  '\u2026': '...',
  '\u2022': '-',
  '\u00b7': '-',
  '\u2192': '->',
  '\u00d7': 'x',
  '\u2122': 'TM',
  '\u00df': '\u00df',
  '\u0131': 'i',
  '\u0142': 'l',
  '\u0141': 'L',
  '\u0111': 'd',
  '\t': ' ',
  '\r': '',
};

/** Length in GSM-7 septets (€ and brackets take two), or null when the text needs UCS-2 (70 characters a part). */
export const gsm7Length = (text: string): number | null => {
  let length = 0;
  for (const char of text) {
    const septets = SEPTETS.get(char);
    if (septets === undefined) return null;
    length += septets;
  }
  return length;
};

export const isGsm7 = (text: string): boolean => gsm7Length(text) !== null;

/** Says the same in GSM-7: typographic marks become plain, accents go where they must, the rest (emoji) is left out. */
export const toGsm7 = (text: string): string => {
  let plain = '';
  for (const char of text) plain += SEPTETS.has(char) ? char : (PLAIN[char] ?? unaccented(char));
  return plain
    .replace(/ {2,}/g, ' ')
    .replace(/ +([,.!?\n])/g, '$1')
    .trim();
};

const unaccented = (char: string): string => {
  if (/\s/u.test(char)) return ' ';
  const base = char.normalize('NFKD').replace(/\p{M}/gu, '');
  return [...base].every((c) => SEPTETS.has(c)) ? base : '';
};

/** Cuts at the end of a sentence, else of a word, so that at most `max` septets are left. */
export const clip = (text: string, max: number): string => {
  if ((gsm7Length(text) ?? Infinity) <= max) return text;
  let cut = '';
  let length = 0;
  for (const char of text) {
    length += SEPTETS.get(char) ?? 1;
    if (length > max) break;
    cut += char;
  }
  const sentence = Math.max(cut.lastIndexOf('. '), cut.lastIndexOf('! '), cut.lastIndexOf('? '), cut.lastIndexOf('\n') - 1);
  if (sentence > cut.length / 2) return cut.slice(0, sentence + 1);
  const word = cut.lastIndexOf(' ');
  return (word > cut.length / 2 ? cut.slice(0, word) : cut).replace(/[\s,;:(-]+$/, '');
};
