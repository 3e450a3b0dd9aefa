import { spawn } from 'node:child_process';
import { closeSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { exitOf, ServerError } from '@darkspere/testing';
import { processStart } from '../file-lock.mjs';
import { answers } from './health.js';
import type { Home } from './home.js';
import { endOrphans, orphansOf } from './orphans.js';
import { checkPorts } from './ports.js';
import { readRun, writeRun, type RunRecord } from './run-file.js';
import { APP_PORTS, LOCAL_NUMBER, ROOT, type Name, type Settings } from './settings.js';
import { Servers } from './stack.js';
import { StartFailure, Supervisor } from './supervisor.js';

const GATEWAY_TIMEOUT_MS = 30_000;
const MAX_LOG_BYTES = 20 * 1024 * 1024;
const LOG_CHECK_MS = 60_000;
const RETRY_RECORD_MS = 1_000;

/** One run of the whole system in one home, whose lock the caller holds. */
export class Run {
  readonly #supervisor: Supervisor;
  readonly #servers: Servers;
  readonly #startedAt = new Date();
  readonly #ended = new AbortController();
  #state: RunRecord['state'] = 'starting';
  #writeFault: string | null = null;

  constructor(
    private readonly settings: Settings,
    private readonly home: Home,
    private readonly say: (line: string) => void,
  ) {
    this.#servers = new Servers(settings, home, home.secrets(), say);
    this.#supervisor = new Supervisor({ say, onChange: () => this.#record() });
  }

  /** Resolves when the gateway answers. Rejects at the first part that fails; the caller then stops the run. */
  async start(): Promise<void> {
    await this.#clearAway();
    await checkPorts(this.#neededPorts());
    this.home.rotateLogs();
    this.#record();
    await this.#supervisor.start(this.#servers.specs());
    await this.#prepareDatabase();
    await this.#supervisor.start(this.#servers.apps());
    await this.#gatewayAnswers();
    this.#state = 'ready';
    this.#record();
    setInterval(() => this.home.capLogs(MAX_LOG_BYTES), LOG_CHECK_MS).unref();
  }

  /** Ends everything. A run.json that stays behind is the mark of a run that was killed. */
  async stop(): Promise<void> {
    this.#ended.abort();
    this.#state = 'stopping';
    this.#record();
    await this.#supervisor.stop();
    rmSync(this.home.runFile, { force: true });
  }

  hurry(): void {
    this.#supervisor.hurry();
  }

  get record(): RunRecord {
    const { ports } = this.settings;
    const apps = Object.keys(APP_PORTS) as Name[];
    return {
      pid: process.pid,
      started: processStart(process.pid),
      state: this.#state,
      startedAt: this.#startedAt.toISOString(),
      home: this.home.dir,
      number: LOCAL_NUMBER,
      adminKeyFile: this.home.adminKeyFile,
      databaseUrl: this.#servers.databaseUrl,
      redisUrl: this.#servers.redisUrl,
      twinUrl: this.#servers.twinUrl,
      urls: Object.fromEntries(apps.map((name) => [name, `http://127.0.0.1:${ports[name]}`])),
      ports,
      processes: this.#supervisor.states,
    };
  }

  /** What a killed supervisor left running would hold our ports and our data. */
  async #clearAway(): Promise<void> {
    const orphans = orphansOf(readRun(this.home.runFile)?.processes ?? []);
    if (orphans.length === 0) return;
    this.say(`An earlier run was killed; ending what it left behind: ${orphans.map(({ name, pid }) => `${name} (${pid})`).join(', ')}`);
    await endOrphans(orphans);
  }

  #neededPorts(): Record<string, number> {
    const { ports, embedded } = this.settings;
    const unused = Object.entries(embedded).flatMap(([name, isOurs]) => (isOurs ? [] : [name]));
    return Object.fromEntries(Object.entries(ports).filter(([name]) => !unused.includes(name)));
  }

  async #prepareDatabase(): Promise<void> {
    const begin = Date.now();
    const log = openSync(this.home.log('prepare-database'), 'a', 0o600);
    try {
      const script = join(ROOT, 'tools/local/dist/prepare-database.js');
      const env = { ...this.settings.env, DATABASE_URL: this.#servers.databaseUrl! };
      const child = spawn(process.execPath, [script, this.home.adminKeyFile], {
        env,
        detached: true,
        stdio: ['ignore', log, log],
        signal: this.#ended.signal,
      });
      child.on('error', () => undefined);
      await exitOf(child);
      const hint = this.settings.embedded.postgres ? '' : '\nIt is the one that DATABASE_URL names: is that right, and does it run?';
      if (child.exitCode !== 0)
        throw new StartFailure('prepare-database', new ServerError(this.home.logTail('prepare-database', 5) + hint));
    } finally {
      closeSync(log);
    }
    this.say(`the database is migrated (${((Date.now() - begin) / 1000).toFixed(1)} s)`);
  }

  async #gatewayAnswers(): Promise<void> {
    const port = this.settings.ports['sms-gateway'];
    for (const end = Date.now() + GATEWAY_TIMEOUT_MS; !(await answers(port, '/health')); await sleep(100)) {
      if (Date.now() > end || this.#ended.signal.aborted)
        throw new StartFailure('sms-gateway', new ServerError(`http://127.0.0.1:${port}/health does not answer with 200.`));
    }
  }

  /** `npm run status` and `npm stop` read it; a full disk must not end a run that works. */
  #record(): void {
    try {
      writeRun(this.home.runFile, this.record);
      this.#writeFault = null;
    } catch (error) {
      const { code = '', message } = error as NodeJS.ErrnoException;
      if (this.#writeFault !== code) this.say(`${this.home.runFile} can't be written, so npm run status shows old news: ${message}`);
      this.#writeFault = code;
      if (!this.#ended.signal.aborted) setTimeout(() => this.#record(), RETRY_RECORD_MS).unref();
    }
  }
}
