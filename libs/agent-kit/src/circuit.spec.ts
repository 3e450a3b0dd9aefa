import { Circuit, CircuitOpen } from './circuit.js';

describe('Circuit', () => {
  let now = 0;
  let calls = 0;
  const fail = () => {
    calls += 1;
    return Promise.reject(new Error('down'));
  };
  const work = () => {
    calls += 1;
    return Promise.resolve('ok');
  };
  const failing = async (circuit: Circuit, times: number) => {
    for (let i = 0; i < times; i += 1) await expect(circuit.run(fail)).rejects.toThrow('down');
  };

  beforeEach(() => {
    now = 1_000;
    calls = 0;
  });

  it('leaves it alone for 30 s after 3 failures in a row', async () => {
    const circuit = new Circuit(() => now);
    await failing(circuit, 3);
    now += 29_999;
    await expect(circuit.run(work)).rejects.toThrow(CircuitOpen);
    expect(calls).toBe(3);
    now += 1;
    expect(await circuit.run(work)).toBe('ok');
  });

  it('forgets failures after a success', async () => {
    const circuit = new Circuit(() => now);
    await failing(circuit, 2);
    await circuit.run(work);
    await failing(circuit, 2);
    expect(await circuit.run(work)).toBe('ok');
  });

  it('rests again after one failure when it had rested', async () => {
    const circuit = new Circuit(() => now);
    await failing(circuit, 3);
    now += 30_000;
    await failing(circuit, 1);
    await expect(circuit.run(work)).rejects.toThrow(CircuitOpen);
  });

  it('lets a single call try after the rest', async () => {
    const circuit = new Circuit(() => now);
    await failing(circuit, 3);
    now += 30_000;
    const { promise, resolve } = Promise.withResolvers<string>();
    const trial = circuit.run(() => promise);
    await expect(circuit.run(work)).rejects.toThrow(CircuitOpen);
    resolve('back');
    expect(await trial).toBe('back');
    expect(await circuit.run(work)).toBe('ok');
  });
});
