import { setTimeout as sleep } from 'node:timers/promises';

interface Waiting<I, O> {
  item: I;
  resolve: (output: O) => void;
  reject: (error: unknown) => void;
}

/** How long a rest is, in times of the batch before it; and at most, in milliseconds, for four lie between a text and its answer. */
const REST = 0.75;
const LONGEST_REST_MS = 8;

/**
 * Runs items together when they come faster than the database answers: an item that finds a free lane starts at once,
 * alone; those that come while all lanes are busy leave together with the next free one.
 *
 * Under load a batch costs almost the same for eight items as for four, so a lane that had company rests in
 * proportion to what the batch took: the next one is larger. Whoever is alone never waits for company.
 *
 * One bad item must not fail its neighbours: after an error each item of the batch runs alone and gets its own result.
 */
export class Batcher<I, O> {
  private waiting: Waiting<I, O>[] = [];
  private running = 0;

  /**
   * @param runBatch answers in the order of its items.
   * @param lanes batches under way at once. With one, items are also run in the order in which they came.
   */
  constructor(
    private readonly runBatch: (items: I[]) => Promise<O[]>,
    private readonly lanes = 1,
    private readonly maxSize = 64,
  ) {}

  run(item: I): Promise<O> {
    return new Promise<O>((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      // On the next turn of the loop: requests that arrived in one read of the socket go together.
      if (this.running < this.lanes) setImmediate(() => void this.next());
    });
  }

  private async next(): Promise<void> {
    if (this.running >= this.lanes || this.waiting.length === 0) return;
    const batch = this.waiting.splice(0, this.maxSize);
    this.running += 1;
    const startedAt = performance.now();
    await this.settle(batch);
    if (batch.length > 1) await sleep(Math.min((performance.now() - startedAt) * REST, LONGEST_REST_MS));
    this.running -= 1;
    void this.next();
  }

  private async settle(batch: Waiting<I, O>[]): Promise<void> {
    try {
      const outputs = await this.runBatch(batch.map(({ item }) => item));
      batch.forEach(({ resolve }, i) => resolve(outputs[i]!));
    } catch (error) {
      if (batch.length === 1) {
        batch[0]!.reject(error);
        return;
      }
      for (const one of batch) await this.settle([one]);
    }
  }
}
