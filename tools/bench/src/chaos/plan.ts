import { AGENTS } from './cast.js';
import type { Random } from './random.js';

/** What is done to the run, and when, in milliseconds after its start. */
export type Trouble = { atMs: number } & (
  | { kind: 'kill'; name: string }
  | { kind: 'flush' }
  /** `agent` null: all of them. */
  | { kind: 'agent'; agent: string | null; what: string; control: object; forMs: number }
  | { kind: 'carrier'; what: string; faults: object; forMs: number }
);

/** Who is on the way of a turn; the others are bystanders whose death nobody should notice. */
const VITAL = ['sms-gateway', 'mcp-adapter', 'postgres', 'redis', 'agents'];
/** A second vital part dies right after the first one: two faults at once. */
const DOUBLE_KILL_CHANCE = 0.25;
/** Always on: the carrier repeats some webhooks, and callbacks are as Twilio warns that they may be. */
export const EVERYDAY_FAULTS = {
  webhook_duplicate_rate: 0.03,
  callback_drop_rate: 0.02,
  callback_duplicate_rate: 0.02,
  callback_reorder_rate: 0.05,
};

const CARRIER_FAULTS: readonly { what: string; faults: object }[] = [
  { what: 'REST answers 500', faults: { rest_error_rate: 0.4 } },
  { what: 'REST answers 429', faults: { rest_429_rate: 0.5 } },
  { what: 'REST accepts, then drops', faults: { rest_accept_then_drop_rate: 0.4 } },
  { what: 'REST is slow', faults: { rest_delay_ms: 2_500 } },
  { what: 'callbacks are late', faults: { callback_delay_ms: 5_000 } },
  { what: 'callbacks are lost', faults: { callback_drop_rate: 0.8 } },
  { what: 'callbacks come twice and in the wrong order', faults: { callback_duplicate_rate: 0.8, callback_reorder_rate: 0.8 } },
  { what: 'webhooks come twice', faults: { webhook_duplicate_rate: 0.5 } },
];

const AGENT_FAULTS: readonly { what: string; control: object; fromMs: number; toMs: number }[] = [
  { what: 'is down', control: { down: true }, fromMs: 800, toMs: 3_000 },
  { what: 'is slow by 1 s', control: { delay_ms: 1_000 }, fromMs: 3_000, toMs: 6_000 },
  { what: 'is slow by 4 s', control: { delay_ms: 4_000 }, fromMs: 3_000, toMs: 6_000 },
  { what: 'answers 500', control: { mode: 'error500' }, fromMs: 500, toMs: 1_500 },
];

/** The whole run's troubles in order of time. The last seconds stay quiet, so that each trouble hits the load. */
export const planTroubles = (
  random: Random,
  { seconds, killEverySeconds, victims }: { seconds: number; killEverySeconds: number; victims: readonly string[] },
): Trouble[] => {
  const endMs = seconds * 1_000 - 1_000;
  const troubles: Trouble[] = [...kills(random, endMs, killEverySeconds * 1_000, victims)];
  for (let atMs = random.between(3_000, Math.min(12_000, endMs * 0.6)); atMs < endMs; atMs += random.between(8_000, 20_000))
    troubles.push({ atMs, kind: 'flush' });
  // One after the other: the end of a fault heals the agent, or the carrier, completely.
  for (let atMs = random.between(2_000, 8_000); atMs < endMs;) {
    const { what, control, fromMs, toMs } = random.pick(AGENT_FAULTS);
    const forMs = random.between(fromMs, toMs);
    troubles.push({ atMs, kind: 'agent', agent: random.pick(AGENTS), what, control, forMs });
    atMs += forMs + random.between(3_000, 9_000);
  }
  for (let atMs = random.between(1_000, 6_000); atMs < endMs;) {
    const forMs = random.between(4_000, 8_000);
    troubles.push({ atMs, kind: 'carrier', ...random.pick(CARRIER_FAULTS), forMs });
    atMs += forMs + random.between(2_000, 6_000);
  }
  return troubles.sort((a, b) => a.atMs - b.atMs);
};

/** Vital parts and bystanders take turns, each kind in a new order every round: what a vital part's death does can be seen. */
const kills = (random: Random, endMs: number, everyMs: number, victims: readonly string[]): Trouble[] => {
  const vital = endless(
    random,
    victims.filter((name) => VITAL.includes(name)),
  );
  const bystanders = endless(
    random,
    victims.filter((name) => !VITAL.includes(name)),
  );
  const troubles: Trouble[] = [];
  let isVitalNext = true;
  for (let atMs = everyMs * random.between(0.5, 0.9); atMs < endMs; atMs += everyMs) {
    const name = (isVitalNext ? vital : bystanders)() ?? vital() ?? bystanders();
    if (name === undefined) break;
    const at = atMs + everyMs * random.between(-0.2, 0.2);
    troubles.push(kill(name, at, random));
    const second = isVitalNext && random.chance(DOUBLE_KILL_CHANCE) ? vital() : undefined;
    if (second !== undefined && second !== name) troubles.push(kill(second, at + random.between(50, 1_500), random));
    isVitalNext = !isVitalNext;
  }
  return troubles;
};

const kill = (name: string, atMs: number, random: Random): Trouble =>
  name === 'agents'
    ? { atMs, kind: 'agent', agent: null, what: 'are down', control: { down: true }, forMs: random.between(800, 2_500) }
    : { atMs, kind: 'kill', name };

const endless = (random: Random, names: readonly string[]): (() => string | undefined) => {
  let round: string[] = [];
  return () => {
    if (round.length === 0) round = random.shuffled(names);
    return round.pop();
  };
};
