import { setTimeout as sleep } from 'node:timers/promises';
import { Batcher } from './batcher.js';

/** Batches that end when the test says so. */
class Batches {
  readonly begun: { items: string[]; end: () => void }[] = [];

  readonly run = (items: string[]): Promise<string[]> =>
    new Promise((resolve) => {
      this.begun.push({ items, end: () => resolve(items.map((item) => `${item}!`)) });
    });

  get items(): string[][] {
    return this.begun.map(({ items }) => items);
  }
}

const settled = (): Promise<void> => sleep(30);

describe('Batcher', () => {
  let batches: Batches;
  let batcher: Batcher<string, string>;

  beforeEach(() => {
    batches = new Batches();
    batcher = new Batcher(batches.run);
  });

  it('starts an item that finds a free lane at once, and gives each its own output', async () => {
    const one = batcher.run('a');
    await settled();
    expect(batches.items).toEqual([['a']]);
    batches.begun[0]!.end();
    await expect(one).resolves.toBe('a!');
  });

  it('runs what came meanwhile together, in the order in which it came', async () => {
    const all = ['a', 'b', 'c', 'd'].map((item, i) => (i === 0 ? batcher.run(item) : settled().then(() => batcher.run(item))));
    await settled();
    await settled();
    expect(batches.items).toEqual([['a']]);
    batches.begun[0]!.end();
    await settled();
    expect(batches.items).toEqual([['a'], ['b', 'c', 'd']]);
    batches.begun[1]!.end();
    await expect(Promise.all(all)).resolves.toEqual(['a!', 'b!', 'c!', 'd!']);
  });

  it('begins no larger batch than it may', async () => {
    batcher = new Batcher(batches.run, 1, 2);
    void ['a', 'b', 'c'].map((item) => batcher.run(item));
    await settled();
    batches.begun[0]!.end();
    await settled();
    expect(batches.items).toEqual([['a', 'b'], ['c']]);
  });

  it('runs as many batches at once as it has lanes', async () => {
    batcher = new Batcher(batches.run, 2, 1);
    void ['a', 'b', 'c'].map((item) => batcher.run(item));
    await settled();
    expect(batches.items).toEqual([['a'], ['b']]);
  });

  /** The first batch has ended, another item waits; all that needs no timer has happened. */
  const afterBatchOf = async (items: string[]): Promise<void> => {
    void items.map((item) => batcher.run(item));
    await settled();
    void batcher.run('next');
    batches.begun[0]!.end();
    await new Promise(setImmediate);
  };

  it('rests after a batch that had company, so that the next one is larger', async () => {
    await afterBatchOf(['a', 'b']);
    expect(batches.items).toEqual([['a', 'b']]);
    void batcher.run('and another');
    await settled();
    expect(batches.items).toEqual([
      ['a', 'b'],
      ['next', 'and another'],
    ]);
  });

  it('does not rest after an item that was alone', async () => {
    await afterBatchOf(['a']);
    expect(batches.items).toEqual([['a'], ['next']]);
  });

  it('runs each item alone after an error, so that a bad one fails alone', async () => {
    batcher = new Batcher((items) => (items.includes('bad') ? Promise.reject(new Error('no')) : Promise.resolve(items)));
    const outcomes = await Promise.allSettled(['a', 'bad', 'b'].map((item) => batcher.run(item)));
    expect(outcomes).toEqual([
      { status: 'fulfilled', value: 'a' },
      { status: 'rejected', reason: new Error('no') },
      { status: 'fulfilled', value: 'b' },
    ]);
  });
});
