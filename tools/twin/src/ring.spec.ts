import { Ring } from './ring.js';

describe('a ring', () => {
  it('keeps only the newest entries and goes on counting', () => {
    const ring = new Ring<number>(3);
    const evicted = [1, 2, 3, 4, 5].map((entry) => ring.push(entry));
    expect(evicted).toEqual([undefined, undefined, undefined, 1, 2]);
    expect(ring.after(0)).toEqual([3, 4, 5]);
    expect(ring.after(4)).toEqual([5]);
    expect(ring.after(5)).toEqual([]);
    expect([...ring.newestFirst()]).toEqual([5, 4, 3]);
  });

  it('forgets its entries when cleared, not its count', () => {
    const ring = new Ring<string>(2);
    ring.push('a');
    ring.push('b');
    ring.push('c');
    ring.clear();
    expect(ring.after(0)).toEqual([]);
    ring.push('d');
    expect(ring.lastSeq).toBe(4);
    expect(ring.after(0)).toEqual(['d']);
    expect([...ring.newestFirst()]).toEqual(['d']);
  });

  it('hands out no more than the limit, oldest first', () => {
    const ring = new Ring<number>(10);
    for (let entry = 1; entry <= 8; entry += 1) ring.push(entry);
    expect(ring.after(2, 3)).toEqual([3, 4, 5]);
  });
});
