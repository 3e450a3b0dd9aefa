import { Clock } from './clock.js';
import { Run } from './run.js';

describe('a run', () => {
  it('has the same script and the same chances for the same seed, whichever run of the series it is', () => {
    const [one, again] = [new Run(42, 0), new Run(42, 7)];
    expect(again.script).toEqual(one.script);
    const label = `webhook SM-42-1-0`;
    expect([again.dice(label).next(), again.dice(label).next()]).toEqual([one.dice(label).next(), one.dice(label).next()]);
  });

  it('has another script for another seed', () => {
    const scripts = new Set(Array.from({ length: 50 }, (_, seed) => JSON.stringify(new Run(seed, 0).script).replaceAll(`SM-${seed}-`, '')));
    expect(scripts.size).toBeGreaterThan(45);
  });

  it('wakes a step at the nth time of its moment', () => {
    const run = new Run(1, 0);
    let woken = 0;
    run.watch({ at: 0, or: { moment: 'taking', nth: 1 }, kind: 'again', sid: 'SM' }, () => (woken += 1));
    run.reach('claiming');
    run.reach('taking');
    expect(woken).toBe(0);
    run.reach('taking');
    run.reach('taking');
    expect(woken).toBe(1);
  });
});

describe('the clock', () => {
  it('wakes who slept long enough, and nobody else', async () => {
    const clock = new Clock(0);
    const woken: number[] = [];
    void clock.sleep(10).then(() => woken.push(10));
    void clock.sleep(11).then(() => woken.push(11));
    clock.advance(10);
    await Promise.resolve();
    expect(woken).toEqual([10]);
  });

  it('does not pass what is under way', () => {
    const clock = new Clock(0);
    const letGo = clock.hold(100);
    clock.advance(1_000);
    expect(clock.ms).toBe(100);
    letGo();
    clock.advance(1_000);
    expect(clock.ms).toBe(1_100);
  });
});
