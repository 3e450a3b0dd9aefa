import { z } from 'zod';

const delayMs = z.int().min(0).max(600_000).default(0);
const rate = z.number().min(0).max(1).default(0);

/** What goes wrong on demand. Left out means: does not happen. */
export const Faults = z.strictObject({
  /** Each REST answer waits this long. */
  rest_delay_ms: delayMs,
  /** REST answers 500 and has done nothing. */
  rest_error_rate: rate,
  /** REST accepts and delivers the message, then cuts the connection instead of answering. */
  rest_accept_then_drop_rate: rate,
  /** REST answers 429 (20429) and has done nothing. */
  rest_429_rate: rate,
  /** The callbacks of a message start this much later; the message itself is not late. */
  callback_delay_ms: delayMs,
  callback_drop_rate: rate,
  callback_duplicate_rate: rate,
  /** `delivered` is posted before `sent`. */
  callback_reorder_rate: rate,
  /** A text's webhook is posted a second time with the same MessageSid, beside the first or after its answer. */
  webhook_duplicate_rate: rate,
  /** The handset is unreachable: undelivered, 30003. */
  delivery_fail_rate: rate,
  /** The carrier itself obeys STOP and START: it answers them and refuses further messages with 21610. */
  carrier_opt_out: z.boolean().default(false),
  seed: z.int().default(1),
});
export type Faults = z.infer<typeof Faults>;

type RateName = Extract<keyof Faults, `${string}_rate`>;

/** FNV-1a: spreads seed and name over 32 bits. */
const hash = (text: string): number => {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
};

/** mulberry32: small, fast, and the same sequence on each machine. */
const randomStream = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** Decides, by seed, whether a fault strikes. Each fault draws from a stream of its own: turning one on moves no other. */
export class FaultDice {
  #faults: Faults;
  readonly #streams = new Map<string, () => number>();

  constructor(faults: z.input<typeof Faults> = {}) {
    this.#faults = Faults.parse(faults);
  }

  get faults(): Faults {
    return this.#faults;
  }

  /** Replaces all faults and starts the dice again from the seed. */
  replace(faults: z.input<typeof Faults>): Faults {
    this.#faults = Faults.parse(faults);
    this.#streams.clear();
    return this.#faults;
  }

  strikes(name: RateName): boolean {
    const chance = this.#faults[name];
    return chance > 0 && this.draw(name) < chance;
  }

  draw(name: string): number {
    let stream = this.#streams.get(name);
    if (!stream) {
      stream = randomStream(hash(`${this.#faults.seed}:${name}`));
      this.#streams.set(name, stream);
    }
    return stream();
  }
}
