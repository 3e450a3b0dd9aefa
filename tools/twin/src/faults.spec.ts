import { FaultDice } from './faults.js';

const throwTimes = (dice: FaultDice, times: number) => Array.from({ length: times }, () => dice.strikes('callback_drop_rate'));

describe('faults', () => {
  it('do not happen unless they are asked for', () => {
    expect(throwTimes(new FaultDice(), 1_000)).not.toContain(true);
  });

  it('strike the same way for the same seed, and about as often as asked', () => {
    const thrown = throwTimes(new FaultDice({ callback_drop_rate: 0.3, seed: 7 }), 2_000);
    expect(throwTimes(new FaultDice({ callback_drop_rate: 0.3, seed: 7 }), 2_000)).toEqual(thrown);
    expect(throwTimes(new FaultDice({ callback_drop_rate: 0.3, seed: 8 }), 2_000)).not.toEqual(thrown);
    expect(thrown.filter(Boolean).length).toBeGreaterThan(500);
    expect(thrown.filter(Boolean).length).toBeLessThan(700);
  });

  it('do not move each other: a second fault leaves the first one where it was', () => {
    const alone = throwTimes(new FaultDice({ callback_drop_rate: 0.5 }), 100);
    const dice = new FaultDice({ callback_drop_rate: 0.5, rest_error_rate: 0.5 });
    const beside = Array.from({ length: 100 }, () => (dice.strikes('rest_error_rate'), dice.strikes('callback_drop_rate')));
    expect(beside).toEqual(alone);
  });

  it('start again from the seed when replaced, and what is left out is off', () => {
    const dice = new FaultDice({ callback_drop_rate: 0.5 });
    const first = throwTimes(dice, 50);
    dice.replace({ callback_drop_rate: 0.5 });
    expect(throwTimes(dice, 50)).toEqual(first);
    dice.replace({ rest_delay_ms: 5 });
    expect(throwTimes(dice, 50)).not.toContain(true);
  });

  it('refuse a name that does not exist and a rate that is none', () => {
    expect(() => new FaultDice({ callback_drop_rte: 1 } as never)).toThrow();
    expect(() => new FaultDice({ callback_drop_rate: 1.5 })).toThrow();
  });
});
