import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { readRun, type ProcessState, type RunRecord } from '../src/run-file.js';

/** A kill -9 to healthy again; the target for a whole turn is 8 s. */
const RECOVERY_MS = 8_000;

describe('a running system', () => {
  const run = (): RunRecord => readRun(process.env['JOURNEY_RUN']!)!;
  const state = (name: string): ProcessState => run().processes.find((process) => process.name === name)!;
  const allHealthy = async (withinMs: number): Promise<void> => {
    for (const end = Date.now() + withinMs; run().processes.some(({ status }) => status !== 'healthy'); await sleep(50)) {
      if (Date.now() > end)
        throw new Error(
          run()
            .processes.map(({ name, status }) => `${name} ${status}`)
            .join(', '),
        );
    }
  };
  const status = (...args: string[]): { code: number | null; out: string } => {
    const script = fileURLToPath(new URL('../start.mjs', import.meta.url));
    const { status: code, stdout } = spawnSync(process.execPath, [script, 'status', ...args], {
      env: { ...process.env, DARKSPERE_HOME: run().home },
      encoding: 'utf8',
    });
    return { code, out: stdout };
  };

  afterEach(() => allHealthy(30_000));

  it('answers on the gateway’s /health', async () => {
    const response = await fetch(`${run().urls['sms-gateway']}/health`);
    expect(response.status).toBe(200);
  });

  it('shows every process of the run, and the pid that serves', () => {
    const { code, out } = status('--json');
    expect(code).toBe(0);
    const shown = JSON.parse(out) as { name: string; pid: number; port: number; status: string }[];
    expect(shown.map(({ name }) => name).sort()).toEqual(Object.keys(run().ports).sort());
    for (const { name, pid, port, status: health } of shown)
      expect({ name, pid, port, health }).toEqual({ name, pid: state(name).pid, port: run().ports[name], health: 'healthy' });
    expect(status().out).toMatch(/^name +pid +port +status\n/);
  });

  it.each(['billing', 'sms-gateway', 'twin', 'redis', 'postgres'])('starts %s again after kill -9', async (name) => {
    const { pid } = state(name);
    process.kill(pid!, 'SIGKILL');
    for (const end = Date.now() + 1_000; state(name).pid === pid; await sleep(20)) expect(Date.now()).toBeLessThan(end);
    await allHealthy(RECOVERY_MS);
    expect(state(name).pid).not.toBe(pid);
  });

  it('restarts nobody because a neighbour is down', async () => {
    const restarts = (): [string, number][] =>
      run()
        .processes.filter(({ name }) => name !== 'postgres')
        .map(({ name, restarts: count }) => [name, count]);
    const before = restarts();
    process.kill(state('postgres').pid!, 'SIGKILL');
    for (const end = Date.now() + 1_000; state('postgres').status === 'healthy'; await sleep(20)) expect(Date.now()).toBeLessThan(end);
    await allHealthy(RECOVERY_MS);
    expect(restarts()).toEqual(before);
  });

  it('keeps its secrets from other users', () => {
    for (const file of [run().adminKeyFile, process.env['JOURNEY_RUN']!, `${run().home}/secrets.json`])
      expect(statSync(file).mode & 0o077).toBe(0);
  });
});
