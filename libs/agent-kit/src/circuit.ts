export class CircuitOpen extends Error {
  constructor() {
    super('left alone after failures');
    this.name = 'CircuitOpen';
  }
}

const FAILURES_IN_A_ROW = 3;
const REST_MS = 30_000;

/**
 * Leaves something alone for 30 s after 3 failures in a row. Then one call tries it; while that call runs the others
 * still see it resting, so that a dead provider costs one wait per rest and not one per text.
 */
export class Circuit {
  private failures = 0;
  private restUntil = -Infinity;

  /** `now` in milliseconds; any clock that does not go back. */
  constructor(private readonly now: () => number) {}

  async run<T>(action: () => Promise<T>): Promise<T> {
    if (this.now() < this.restUntil) throw new CircuitOpen();
    if (this.failures >= FAILURES_IN_A_ROW) this.restUntil = this.now() + REST_MS;
    try {
      const result = await action();
      this.failures = 0;
      this.restUntil = -Infinity;
      return result;
    } catch (error) {
      this.failures += 1;
      if (this.failures >= FAILURES_IN_A_ROW) this.restUntil = this.now() + REST_MS;
      throw error;
    }
  }
}
