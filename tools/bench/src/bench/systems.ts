import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '@darkspere/testing';
import { Client } from 'pg';
import type { Carrier, Target } from './load.js';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
const NUMBERS = { darkspere: '+15550009000', bridge: '+15550009001' } as const;

interface RunFile {
  state: string;
  databaseUrl: string;
  adminKeyFile: string;
  urls: Record<string, string>;
  processes: { name: string; pid: number }[];
}

export interface Systems {
  carrier: Carrier;
  targets: { darkspere: Target; bridge: Target };
  /** Process ids whose CPU a side uses. Postgres serves both, one after the other. */
  pids: { darkspere: number[]; bridge: number[]; postgres: number };
  metricsUrl: string;
  databaseUrl: string;
  /** Process ids of our apps. */
  apps: Readonly<Record<string, number>>;
  /** The id of the agent that the bound number has. */
  agentId: string;
  /** Another agent process of the same kind. */
  startAgent(): Promise<{ endpoint: string; process: ChildProcess }>;
  stop(): Promise<void>;
}

/** Both sides on this machine: all of DarkSpere as `npm start` runs it, and the bridge on the same Postgres. */
export const startSystems = async (delayMs: number, say: (line: string) => void): Promise<Systems> => {
  const home = mkdtempSync(join(tmpdir(), 'darkspere-bench-'));
  const carrier = { accountSid: `AC${randomBytes(16).toString('hex')}`, authToken: randomBytes(16).toString('hex') };
  const children: ChildProcess[] = [];
  const start = (args: string[], env: Record<string, string>): ChildProcess => {
    const child = spawn(process.execPath, args, { cwd: ROOT, env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'inherit'] });
    children.push(child);
    return child;
  };
  const stop = async (): Promise<void> => {
    await Promise.all(
      children.reverse().map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const gone = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGTERM');
        await gone;
      }),
    );
    rmSync(home, { recursive: true, force: true });
  };
  try {
    const [bridgePort, nowhere] = [await freePort(), await freePort()];
    const startAgent = async (): Promise<{ endpoint: string; process: ChildProcess }> => {
      const port = await freePort();
      const process = start([here('agent.js')], { PORT: String(port), DELAY_MS: String(delayMs) });
      await answers(`http://127.0.0.1:${port}`);
      return { endpoint: `http://127.0.0.1:${port}/chat`, process };
    };
    const agent = await startAgent();
    say('starting DarkSpere');
    const stack = start(['tools/local/start.mjs', 'start'], {
      DARKSPERE_HOME: home,
      // Below the range that the system gives to outgoing connections.
      DARKSPERE_PORT_OFFSET: String(2_000 + Math.floor(Math.random() * 20_000)),
      TWILIO_ACCOUNT_SID: carrier.accountSid,
      TWILIO_AUTH_TOKEN: carrier.authToken,
      // Nothing leaves by REST here: every answer goes out in its webhook.
      TWILIO_API_BASE: `http://127.0.0.1:${nowhere}`,
      LOG_LEVEL: 'warn',
    });
    const run = await ready(join(home, 'run.json'), stack);
    const gateway = run.urls['sms-gateway']!;
    const agentId = await bindAgent(run, agent.endpoint);
    say('starting the bridge');
    const bridgeUrl = `http://127.0.0.1:${bridgePort}`;
    const bridge = start([here('bridge.js')], {
      PORT: String(bridgePort),
      DATABASE_URL: await bridgeDatabase(run.databaseUrl),
      AGENT_URL: agent.endpoint,
      PUBLIC_BASE_URL: bridgeUrl,
      TWILIO_AUTH_TOKEN: carrier.authToken,
    });
    await answers(bridgeUrl);
    const postgres = run.processes.find(({ name }) => name === 'postgres')!.pid;
    return {
      carrier,
      targets: {
        darkspere: { name: 'darkspere', url: gateway, number: NUMBERS.darkspere },
        bridge: { name: 'bridge', url: bridgeUrl, number: NUMBERS.bridge },
      },
      pids: { darkspere: run.processes.filter(({ name }) => name !== 'postgres').map(({ pid }) => pid), bridge: [bridge.pid!], postgres },
      metricsUrl: `${gateway}/metrics`,
      databaseUrl: run.databaseUrl,
      apps: Object.fromEntries(run.processes.map(({ name, pid }) => [name, pid])),
      agentId,
      startAgent,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
};

const ready = async (path: string, stack: ChildProcess): Promise<RunFile> => {
  for (let waited = 0; waited < 180_000 && stack.exitCode === null && stack.signalCode === null; waited += 250) {
    await sleep(250);
    try {
      const run = JSON.parse(readFileSync(path, 'utf8')) as RunFile;
      if (run.state === 'ready') return run;
    } catch {
      // Not there yet.
    }
  }
  throw new Error(stack.exitCode === null ? 'DarkSpere was not ready within three minutes.' : 'DarkSpere could not be started.');
};

const answers = async (url: string): Promise<void> => {
  for (let waited = 0; waited < 20_000; waited += 100) {
    if (
      await fetch(url).then(
        () => true,
        () => false,
      )
    )
      return;
    await sleep(100);
  }
  throw new Error(`Nothing answers at ${url}.`);
};

const bindAgent = async (run: RunFile, endpoint: string): Promise<string> => {
  const headers = { authorization: `Bearer ${readFileSync(run.adminKeyFile, 'utf8').trim()}`, 'content-type': 'application/json' };
  const post = async (url: string, body: unknown): Promise<Record<string, unknown>> => {
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
    const answer = (await response.json()) as Record<string, unknown>;
    if (!response.ok) throw new Error(`${url}: ${JSON.stringify(answer)}`);
    return answer;
  };
  const agent = await post(`${run.urls['agent-registry']}/api/v1/agents/register`, {
    agent_name: 'bench',
    endpoint_url: endpoint,
    dialect: 'chat',
    max_concurrent_sessions: 1_000_000,
  });
  if (agent['status'] !== 'active') throw new Error(`The benchmark's agent did not pass: ${JSON.stringify(agent)}`);
  await post(`${run.urls['sms-gateway']}/api/v1/numbers`, { phone_number: NUMBERS.darkspere, agent_id: agent['agent_id'] });
  return agent['agent_id'] as string;
};

const bridgeDatabase = async (databaseUrl: string): Promise<string> => {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query('create database bridge');
  await client.end();
  const url = new URL(databaseUrl);
  url.pathname = '/bridge';
  return url.href;
};
