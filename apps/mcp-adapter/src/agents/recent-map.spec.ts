import { RecentMap } from './recent-map.js';

describe('RecentMap', () => {
  it('forgets what was used longest ago, and tells', () => {
    const forgotten: number[] = [];
    const map = new RecentMap<string, number>(2, (value) => forgotten.push(value));
    map.set('a', 1);
    map.set('b', 2);
    expect(map.get('a')).toBe(1);
    map.set('c', 3);
    expect([map.get('a'), map.get('b'), map.get('c')]).toEqual([1, undefined, 3]);
    expect(forgotten).toEqual([2]);
  });

  it('tells of what is replaced, deleted and cleared, once', () => {
    const forgotten: number[] = [];
    const map = new RecentMap<string, number>(9, (value) => forgotten.push(value));
    map.set('a', 1);
    map.set('a', 2);
    map.delete('a');
    map.delete('a');
    map.set('b', 3);
    map.clear();
    map.clear();
    expect(forgotten).toEqual([1, 2, 3]);
  });
});
