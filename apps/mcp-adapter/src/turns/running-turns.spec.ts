import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { Broadcasts } from '@darkspere/transport';
import { RunningTurns } from './running-turns.js';
import type { ClaimedTurn } from './turn.js';
import type { TurnsRepository } from './turns.repository.js';

const turn = (turn_id: string, lease_token = `lease of ${turn_id}`, leftMs = 30_000): ClaimedTurn =>
  ({ turn_id, lease_token, deadline: new Date(Date.now() + leftMs).toISOString() }) as ClaimedTurn;

Logger.overrideLogger(false);

describe('RunningTurns', () => {
  let running: RunningTurns;
  let lost: string[];
  let beats: string[][];
  let supersede: (payload: { turnId: string }) => void;
  beforeEach(async () => {
    jest.useFakeTimers();
    [lost, beats] = [[], []];
    const extend = async (held: ClaimedTurn[]) => {
      beats.push(held.map(({ lease_token }) => lease_token));
      return held.map(({ lease_token }) => lease_token).filter((token) => !lost.includes(token));
    };
    const subscribe = async (_: unknown, handler: typeof supersede) => void (supersede = handler);
    running = new RunningTurns({ extend } as unknown as TurnsRepository, { subscribe } as unknown as Broadcasts);
    await running.onModuleInit();
  });
  afterEach(() => jest.useRealTimers());

  /** Starts a turn that ends when the test says so. */
  const start = (claimed: ClaimedTurn) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let signal!: AbortSignal;
    running.start(claimed, (given) => ((signal = given), promise));
    const end = async () => {
      resolve();
      await jest.advanceTimersByTimeAsync(0);
    };
    return { signal, end };
  };

  it('a call is out of time at the deadline of its turn, and not before', async () => {
    const { signal } = start(turn('t', 'l', 5_000));
    await jest.advanceTimersByTimeAsync(4_990);
    expect(signal.aborted).toBe(false);
    await jest.advanceTimersByTimeAsync(20);
    expect((signal.reason as Error).name).toBe('TimeoutError');
  });

  it('a turn that ends leaves no timer behind', async () => {
    const { signal, end } = start(turn('t'));
    await end();
    expect(jest.getTimerCount()).toBe(0);
    expect(signal.aborted).toBe(false);
  });

  it('a turn that another replaces is cancelled, which is no timeout, and its neighbours are not', () => {
    const [old, neighbour] = [start(turn('old')), start(turn('neighbour'))];
    supersede({ turnId: 'old' });
    supersede({ turnId: 'nobody' });
    expect((old.signal.reason as Error).name).not.toBe('TimeoutError');
    expect([old.signal.aborted, neighbour.signal.aborted]).toEqual([true, false]);
  });

  it('a heartbeat keeps all leases with one statement, and stops the call whose lease is lost', async () => {
    const [kept, void_] = [start(turn('kept')), start(turn('void'))];
    lost = ['lease of void'];
    await running.beat();
    expect(beats).toEqual([['lease of kept', 'lease of void']]);
    expect([kept.signal.aborted, void_.signal.aborted]).toEqual([false, true]);
    await Promise.all([kept.end(), void_.end()]);
    await running.beat();
    expect(beats).toHaveLength(1);
  });

  it('of one turn that runs twice, the lost lease stops the first call only, and its end leaves the second known', async () => {
    const [first, second] = [start(turn('t', 'first')), start(turn('t', 'second'))];
    lost = ['first'];
    await running.beat();
    expect([first.signal.aborted, second.signal.aborted]).toEqual([true, false]);
    await first.end();
    await running.beat();
    expect(beats.at(-1)).toEqual(['second']);
  });

  it('a database that is away stops no call', async () => {
    const broken = new RunningTurns(
      { extend: () => Promise.reject(new Error('ECONNREFUSED')) } as unknown as TurnsRepository,
      {} as Broadcasts,
    );
    let signal!: AbortSignal;
    broken.start(turn('t'), (given) => ((signal = given), new Promise(() => undefined)));
    await broken.beat();
    expect(signal.aborted).toBe(false);
  });

  it('shutdown waits for every turn that runs', async () => {
    const [one, two] = [start(turn('one')), start(turn('two'))];
    let isDown = false;
    const down = running.beforeApplicationShutdown().then(() => (isDown = true));
    await one.end();
    expect(isDown).toBe(false);
    await two.end();
    await down;
    expect(isDown).toBe(true);
  });
});
