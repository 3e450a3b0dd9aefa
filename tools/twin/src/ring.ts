/** The newest `capacity` entries under sequence numbers that start at 1 and never repeat: memory stays bounded. */
export class Ring<T> {
  readonly #slots: T[] = [];
  #lastSeq = 0;
  #clearedSeq = 0;

  constructor(private readonly capacity: number) {}

  get lastSeq(): number {
    return this.#lastSeq;
  }

  get firstSeq(): number {
    return Math.max(this.#lastSeq - this.capacity, this.#clearedSeq) + 1;
  }

  /** Keeps `entry` as number `lastSeq` and returns the one that had to leave for it. */
  push(entry: T): T | undefined {
    const slot = this.#lastSeq % this.capacity;
    const evicted = this.#slots[slot];
    this.#slots[slot] = entry;
    this.#lastSeq += 1;
    return evicted;
  }

  after(seq: number, limit = Infinity): T[] {
    const entries: T[] = [];
    for (let next = Math.max(seq + 1, this.firstSeq); next <= this.#lastSeq && entries.length < limit; next += 1) {
      entries.push(this.#slots[(next - 1) % this.capacity] as T);
    }
    return entries;
  }

  *newestFirst(): Generator<T> {
    for (let seq = this.#lastSeq; seq >= this.firstSeq; seq -= 1) yield this.#slots[(seq - 1) % this.capacity] as T;
  }

  clear(): void {
    this.#slots.length = 0;
    this.#clearedSeq = this.#lastSeq;
  }
}
