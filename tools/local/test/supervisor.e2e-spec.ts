import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '@darkspere/testing';
import { isRunning, processStart } from '../file-lock.mjs';
import { nodeProcess } from '../src/node-process.js';
import { endOrphans, orphansOf } from '../src/orphans.js';
import type { ProcessState, Status } from '../src/run-file.js';
import type { ProcessSpec, Timing } from '../src/supervised-process.js';
import { StartFailure, Supervisor } from '../src/supervisor.js';

const SCRIPT = fileURLToPath(new URL('fixtures/app.mjs', import.meta.url));
const FAST: Partial<Timing> = { firstReadyMs: 20_000, gatePollMs: 20, pollMs: 50, backoffMs: 40, backoffMaxMs: 200, steadyMs: 60_000 };

describe('Supervisor', () => {
  const dir = mkdtempSync(join(tmpdir(), 'darkspere-supervisor-'));
  const stopLog = join(dir, 'stops');
  const said: string[] = [];
  let supervisor: Supervisor;
  let changes: (() => void)[] = [];

  beforeEach(() => {
    said.length = 0;
    supervisor = new Supervisor({ say: (line) => said.push(line), onChange: () => changes.forEach((check) => check()), timing: FAST });
  });
  afterEach(async () => {
    await supervisor.stop();
    rmSync(stopLog, { force: true });
    changes = [];
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  const app = async (name: string, env: Record<string, string> = {}, tier = 1): Promise<ProcessSpec> => {
    const port = await freePort();
    const logFile = join(dir, `${name}.log`);
    return nodeProcess({
      name,
      port,
      tier,
      script: SCRIPT,
      logFile,
      env: { ...process.env, NODE_OPTIONS: '', NAME: name, PORT: String(port), STOP_LOG: stopLog, ...env },
    });
  };
  const state = (name: string): ProcessState => supervisor.states.find((process) => process.name === name)!;
  /** Resolves at the change that makes it true. */
  const until = (condition: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => void (condition() && resolve());
      changes.push(check);
      check();
    });
  const untilIs = (name: string, status: Status): Promise<void> => until(() => state(name).status === status);
  const ask = (name: string, path: string): Promise<unknown> => fetch(`http://127.0.0.1:${state(name).port}${path}`).catch(() => undefined);

  it('waits until a process is ready, not only alive', async () => {
    const seen: Status[] = [];
    changes.push(() => seen.push(state('slow').status));
    const begin = Date.now();
    await supervisor.start([await app('slow', { READY_AFTER_MS: '500' })]);
    expect(Date.now() - begin).toBeGreaterThanOrEqual(500);
    expect(new Set(seen)).toEqual(new Set(['starting', 'healthy']));
  });

  it('names the part that fails at the start, begins no further one, and keeps its log', async () => {
    const specs = [await app('broken', { EXIT_AT_START: '7' }), await app('late')];
    const failure = await supervisor.start(specs, 1).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(StartFailure);
    expect(failure).toMatchObject({ part: 'broken', message: 'broken exited with code 7 while it started.' });
    expect(readFileSync(join(dir, 'broken.log'), 'utf8')).toContain('this app is broken');
    expect(state('late')).toMatchObject({ pid: null, status: 'stopped' });
  });

  it('starts a process again that was killed with -9, and shows the new pid', async () => {
    await supervisor.start([await app('victim'), await app('neighbour')]);
    const before = state('victim');
    const neighbour = state('neighbour').pid;
    process.kill(before.pid!, 'SIGKILL');
    await untilIs('victim', 'restarting');
    await untilIs('victim', 'healthy');
    expect(state('victim')).toMatchObject({ restarts: 1 });
    expect(state('victim').pid).not.toBe(before.pid);
    expect(isRunning({ pid: state('victim').pid!, started: state('victim').started })).toBe(true);
    expect(state('neighbour')).toMatchObject({ pid: neighbour, restarts: 0 });
    expect(said).toContain('victim was killed (SIGKILL); it is started again');
  });

  it('starts a process again that ends by itself, with any code', async () => {
    await supervisor.start([await app('quitter')]);
    await ask('quitter', '/exit?code=0');
    await until(() => state('quitter').restarts === 1 && state('quitter').status === 'healthy');
    await ask('quitter', '/exit?code=3');
    await until(() => state('quitter').restarts === 2 && state('quitter').status === 'healthy');
  });

  it('waits longer after each failure in a row, up to a limit', async () => {
    await supervisor.start([await app('flapping')]);
    const gaps: number[] = [];
    for (let round = 1; round <= 4; round += 1) {
      const begin = Date.now();
      process.kill(state('flapping').pid!, 'SIGKILL');
      await until(() => state('flapping').pid === null);
      await until(() => state('flapping').pid !== null);
      gaps.push(Date.now() - begin);
      await untilIs('flapping', 'healthy');
    }
    for (const [round, least] of [40, 80, 160, 200].entries()) expect(gaps[round]).toBeGreaterThanOrEqual(least - 2);
  });

  it('restarts a process that does not answer three times in a row', async () => {
    await supervisor.start([await app('hung')]);
    const { pid } = state('hung');
    await ask('hung', '/set?mute=1');
    await until(() => state('hung').restarts === 1 && state('hung').status === 'healthy');
    expect(state('hung').pid).not.toBe(pid);
    expect(said).toContain('hung did not answer 3 times in a row and was ended; it is started again');
  });

  it('never restarts a process that is alive and not ready: its neighbour may be down', async () => {
    await supervisor.start([await app('waiting')]);
    const { pid } = state('waiting');
    await ask('waiting', '/set?ready=503');
    await untilIs('waiting', 'degraded');
    await new Promise((resolve) => setTimeout(resolve, 6 * FAST.pollMs!));
    expect(state('waiting')).toMatchObject({ pid, restarts: 0, status: 'degraded' });
    await ask('waiting', '/set?ready=200');
    await untilIs('waiting', 'healthy');
  });

  it('shows a process that says so as degraded, although it is ready', async () => {
    await supervisor.start([await app('limping')]);
    await ask('limping', '/set?status=degraded');
    await untilIs('limping', 'degraded');
    expect(state('limping').restarts).toBe(0);
  });

  it('stops higher tiers before lower ones and leaves nothing behind', async () => {
    await supervisor.start([await app('base', {}, 0), await app('middle', {}, 1), await app('top', {}, 2)]);
    const pids = supervisor.states.map(({ pid }) => pid!);
    await supervisor.stop();
    expect(readFileSync(stopLog, 'utf8').trim().split('\n')).toEqual(['top', 'middle', 'base']);
    expect(pids.map(processStart)).toEqual([null, null, null]);
    expect(supervisor.states.map(({ pid, status }) => [pid, status])).toEqual([
      [null, 'stopped'],
      [null, 'stopped'],
      [null, 'stopped'],
    ]);
  });

  it('kills at once what ignores SIGTERM when it is told to hurry', async () => {
    await supervisor.start([await app('stubborn', { IGNORE_SIGTERM: '1' })]);
    const begin = Date.now();
    const stopped = supervisor.stop();
    supervisor.hurry();
    await stopped;
    expect(Date.now() - begin).toBeLessThan(5_000);
    expect(state('stubborn').pid).toBeNull();
  });

  it('stops cleanly while a process waits to be started again', async () => {
    await supervisor.start([await app('gone')]);
    process.kill(state('gone').pid!, 'SIGKILL');
    await until(() => state('gone').pid === null);
    await supervisor.stop();
    expect(state('gone')).toMatchObject({ pid: null, status: 'stopped' });
  });

  it('finds and ends what a killed supervisor left behind, and nobody else', async () => {
    await supervisor.start([await app('left')]);
    const left = state('left');
    const stranger: ProcessState = { ...left, name: 'stranger', pid: process.pid, started: 'another time' };
    const gone: ProcessState = { ...left, name: 'gone', pid: null, started: null };
    expect(orphansOf([left, stranger, gone])).toEqual([left]);
    // The supervisor of this test would start it again; a killed one does not.
    const stopped = supervisor.stop();
    await endOrphans([left]);
    await stopped;
    expect(orphansOf([left])).toEqual([]);
  });
});
