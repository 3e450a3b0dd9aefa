import { clip, gsm7Length, toGsm7 } from '@darkspere/agent-kit';

/** One piece of a reply: what it can say, the fullest first. */
export interface Part {
  kind: 'opening' | 'answer' | 'note' | 'promise' | 'question';
  options: readonly string[];
}

/** Two parts of a long SMS hold 306 septets; the promise is 320 characters. */
export const SHORT_REPLY = 306;
/** When somebody asked for details. */
export const LONG_REPLY = 1_200;

/**
 * Puts parts together so that they fit: first answers get shorter (the last one first), then the opening; then
 * the question goes, then notes, then answers after the first. A promise always stays.
 */
export const compose = (parts: readonly Part[], max: number): { reply: string; kept: Part[] } => {
  const chosen = parts.filter((part) => part.options.length > 0).map((part) => ({ part, text: part.options[0]! }));
  const reply = () => chosen.map(({ text }) => text).join(' ');
  const fits = () => septets(reply()) <= max;
  for (const kind of ['answer', 'opening'] as const) {
    for (const piece of chosen.toReversed()) if (!fits() && piece.part.kind === kind) piece.text = shortest(piece.part.options);
  }
  for (const kind of ['question', 'note', 'answer'] as const) {
    while (!fits()) {
      const at = chosen.findLastIndex(({ part }) => part.kind === kind);
      if (at < 0 || (kind === 'answer' && chosen.filter(({ part }) => part.kind === 'answer').length === 1)) break;
      if (chosen.length === 1) break;
      chosen.splice(at, 1);
    }
  }
  return { reply: clip(toGsm7(reply()), max), kept: chosen.map(({ part }) => part) };
};

export const septets = (text: string): number => gsm7Length(toGsm7(text)) ?? text.length;

const shortest = (options: readonly string[]): string => options.reduce((a, b) => (b.length < a.length ? b : a));
