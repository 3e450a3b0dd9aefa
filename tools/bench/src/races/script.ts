import type { Random } from './random.js';

export type Policy = 'coalesce' | 'merge' | 'enqueue';
export type Keyword = 'STOP' | 'START' | 'YES' | 'HELP';

/** A call that is about to be made for a phone; taking and sending: of a message that is there. */
export type Moment = 'claiming' | 'completing' | 'taking' | 'sending';

/** One thing that happens to a phone, `at` milliseconds after its run began, or as soon as the moment comes for the nth time. */
export type Step = { at: number; or?: { moment: Moment; nth: number } } & (
  | { kind: 'text'; sid: string; number: number; keyword: Keyword | null }
  /** The same delivery once more. */
  | { kind: 'again'; sid: string }
  | { kind: 'move'; number: number; to: number }
  | { kind: 'proactive'; number: number; parts: number }
);

export interface Script {
  policy: Policy;
  numbers: number;
  steps: Step[];
  /** What happens a day later; mostly nothing. */
  nextDay: Step[];
}

/** How closely the texts of a run follow each other, in milliseconds. */
const PACES = [0, 50, 300, 1_500, 4_000, 10_000];

/** What happens to one phone; the same seed gives the same script. */
export const writeScript = (name: string, random: Random): Script => {
  const numbers = random.chance(0.15) ? 2 : 1;
  const pace = random.pick(PACES);
  return {
    policy: random.pick(['coalesce', 'coalesce', 'merge', 'enqueue'] as const),
    numbers,
    steps: writeDay(`${name}-1`, random, 1 + random.below(5), pace, numbers),
    nextDay: random.chance(0.15) ? writeDay(`${name}-2`, random, 1 + random.below(2), random.pick([0, 50, 300]), numbers) : [],
  };
};

const writeDay = (name: string, random: Random, texts: number, pace: number, numbers: number): Step[] => {
  const steps: Step[] = [];
  const within = (span: number): number => Math.round(random.next() * span);
  /** The worst moment, for half of those who can choose. */
  const provoked = (): Pick<Step, 'or'> =>
    random.chance(0.5)
      ? { or: { moment: random.pick(['claiming', 'completing', 'taking', 'taking', 'sending'] as const), nth: random.below(3) } }
      : {};
  const receive = (at: number, keyword: Keyword | null): void => {
    const sid = `SM-${name}-${steps.length}`;
    steps.push({ at, kind: 'text', sid, number: random.below(numbers), keyword, ...(keyword === 'STOP' ? provoked() : {}) });
    if (random.chance(0.25)) steps.push({ at: at + random.pick([0, within(60), within(4_000)]), kind: 'again', sid });
  };
  for (let i = 0; i < texts; i += 1) receive(within(pace), null);
  const span = pace + random.pick([0, 200, 2_000, 6_000]);
  if (random.chance(0.45)) {
    const stopAt = within(span);
    receive(stopAt, 'STOP');
    if (random.chance(0.2)) receive(within(span), 'STOP');
    if (random.chance(0.65)) {
      receive(stopAt + within(span), random.chance(0.8) ? 'START' : 'YES');
      if (random.chance(0.6)) receive(stopAt + within(span), null);
    }
  } else if (random.chance(0.1)) receive(within(span), random.pick(['START', 'YES', 'HELP'] as const));
  if (random.chance(0.35)) {
    for (let i = 1 + random.below(3); i > 0; i -= 1)
      steps.push({ at: within(span), kind: 'move', number: random.below(numbers), to: random.below(2), ...provoked() });
  }
  if (random.chance(0.25)) steps.push({ at: within(span), kind: 'proactive', number: random.below(numbers), parts: 1 + random.below(2) });
  return steps.sort((a, b) => a.at - b.at);
};
