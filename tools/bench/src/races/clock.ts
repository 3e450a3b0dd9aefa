/** A sleep that can be ended early. */
export interface Nap {
  over: Promise<void>;
  wake(): void;
}

/**
 * The time that all functions are told, faster than the real one. It stands still rather than let something that is
 * under way take longer than it can in the real system (a REST call 10 s, a webhook 15 s): a slow machine changes how
 * long a run takes, not what can happen in it.
 */
export class Clock {
  private readonly ceilings = new Set<{ at: number }>();
  private naps: { at: number; end: () => void }[] = [];

  constructor(private at: number) {}

  get ms(): number {
    return this.at;
  }

  now(): Date {
    return new Date(this.at);
  }

  after(ms: number): Date {
    return new Date(this.at + ms);
  }

  /** Until it is let go, the clock does not pass this moment plus `limitMs`. */
  hold(limitMs: number): () => void {
    const ceiling = { at: this.at + limitMs };
    this.ceilings.add(ceiling);
    return () => void this.ceilings.delete(ceiling);
  }

  advance(ms: number): void {
    let to = this.at + ms;
    for (const ceiling of this.ceilings) to = Math.min(to, ceiling.at);
    this.at = Math.max(this.at, to);
    const due = this.naps.filter((nap) => nap.at <= this.at);
    if (due.length === 0) return;
    this.naps = this.naps.filter((nap) => nap.at > this.at);
    for (const nap of due) nap.end();
  }

  nap(ms: number): Nap {
    if (ms <= 0) return { over: Promise.resolve(), wake: () => undefined };
    const nap = { at: this.at + ms, end: (): void => undefined };
    const over = new Promise<void>((resolve) => {
      nap.end = resolve;
    });
    this.naps.push(nap);
    return {
      over,
      wake: () => {
        this.naps = this.naps.filter((other) => other !== nap);
        nap.end();
      },
    };
  }

  sleep(ms: number): Promise<void> {
    return this.nap(ms).over;
  }
}
