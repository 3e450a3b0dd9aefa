import { setTimeout as sleep } from 'node:timers/promises';

/** Work that goes on behind an answer (deliveries, callbacks), so that it can be awaited and, at the end, cut off. */
export class Pending {
  readonly #tasks = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();

  track(task: Promise<unknown>): void {
    const entry = task
      .catch((error: unknown) => {
        if (!this.#closing.signal.aborted) console.error('twin:', error);
      })
      .finally(() => this.#tasks.delete(entry));
    this.#tasks.add(entry);
  }

  /** Throws when the twin closes meanwhile. */
  pause(ms: number): Promise<void> {
    return sleep(ms, undefined, { signal: this.#closing.signal });
  }

  /** Resolves when nothing is under way, also nothing that finished work has started. */
  async settled(): Promise<void> {
    while (this.#tasks.size > 0) await Promise.all(this.#tasks);
  }

  /** Gives work under way `limitMs` to end, then cuts its pauses. */
  async close(limitMs: number): Promise<void> {
    const cut = setTimeout(() => this.#closing.abort(), limitMs);
    await this.settled();
    clearTimeout(cut);
    this.#closing.abort();
  }
}
