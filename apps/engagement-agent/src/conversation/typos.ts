const SHORTEST = 6;
const LONGEST = 20;

/** Words of at least six letters, found with one letter missing, added, changed or swapped ("entreprise", "pricng"). */
export class Typos {
  private readonly byDeletion = new Map<string, string>();

  constructor(private readonly known: ReadonlySet<string>) {
    for (const word of known) {
      if (word.length < SHORTEST) continue;
      for (const key of deletions(word)) if (!this.byDeletion.has(key)) this.byDeletion.set(key, word);
    }
  }

  /** The known word that was meant, or the word itself. */
  correct(word: string): string {
    if (word.length < SHORTEST - 1 || word.length > LONGEST || this.known.has(word) || COMMON.has(word)) return word;
    for (const key of deletions(word)) {
      const meant = this.byDeletion.get(key);
      if (meant && meant[0] === word[0] && Math.abs(meant.length - word.length) <= 1) return meant;
    }
    return word;
  }
}

// Everyday words that are one letter away from a word of some topic.
const COMMON = new Set([
  'prices',
  'scare',
  'seller',
  'sellers',
  'prove',
  'hosted',
  'coasts',
  'marked',
  'planned',
  'server',
  'tested',
  'stored',
  'charge',
  'change',
  'changed',
  'started',
  'starts',
  'worked',
  'former',
  'posted',
]);

const deletions = (word: string): string[] => [word, ...Array.from(word, (_, i) => word.slice(0, i) + word.slice(i + 1))];
