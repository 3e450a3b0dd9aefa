import { planTroubles, type Trouble } from './plan.js';
import { Random } from './random.js';

const NAMES = [
  'sms-gateway',
  'mcp-adapter',
  'postgres',
  'redis',
  'agents',
  'billing',
  'analytics',
  'orchestrator',
  'agent-registry',
  'triage-agent',
  'engagement-agent',
  'optimizer-agent',
];
const plan = (seed: number, options: Partial<Parameters<typeof planTroubles>[1]> = {}): Trouble[] =>
  planTroubles(new Random(String(seed)), { seconds: 120, killEverySeconds: 5, victims: NAMES, ...options });
const killed = (troubles: readonly Trouble[]): string[] =>
  troubles.flatMap((trouble) =>
    trouble.kind === 'kill' ? [trouble.name] : trouble.kind === 'agent' && trouble.agent === null ? ['agents'] : [],
  );

describe('planTroubles', () => {
  it('makes the same plan of the same seed, and another one of another', () => {
    expect(plan(1)).toEqual(plan(1));
    expect(plan(2)).not.toEqual(plan(1));
  });

  it.each([1, 2, 3, 4, 5])('kills every victim in two minutes, and never after the end (seed %i)', (seed) => {
    expect(new Set(killed(plan(seed)))).toEqual(new Set(NAMES));
    expect(plan(seed).every(({ atMs }) => atMs > 0 && atMs < 121_000)).toBe(true);
  });

  it.each([1, 2, 3, 4, 5])('kills each of four victims, and flushes, in a run of 25 s (seed %i)', (seed) => {
    const victims = NAMES.slice(0, 4);
    const short = plan(seed, { seconds: 25, victims });
    expect(new Set(killed(short))).toEqual(new Set(victims));
    expect(short.some(({ kind }) => kind === 'flush')).toBe(true);
  });

  it('kills nobody where there are no victims', () => {
    expect(killed(plan(1, { victims: [] }))).toEqual([]);
  });
});
