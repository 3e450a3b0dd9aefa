/** Sentences of a text, comparable. */
const sentencesOf = (text: string): string[] =>
  text
    .split(/(?<=[.!?])\s+|\n+/)
    .map((sentence) => sentence.trim().toLowerCase())
    .filter((sentence) => sentence !== '');

export type Said = ReadonlySet<string>;

export const saidIn = (...texts: readonly string[]): Said => new Set(texts.flatMap(sentencesOf));

/** The variants that repeat no sentence of the last reply; when all do, the first one as one sentence, marked as said again. */
export const fresh = (variants: readonly string[], said: Said): string[] => {
  const unsaid = variants.filter((variant) => !sentencesOf(variant).some((sentence) => said.has(sentence)));
  return unsaid.length > 0 || variants.length === 0 ? unsaid : [`Once more: ${variants[0]!.replace(/[.!] +(?=\S)/g, '; ')}`];
};
