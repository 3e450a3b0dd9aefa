import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { exitWithin, hasExited, ServerError, stopProcess, type StopSignals } from '@darkspere/testing';
import { processStart } from '../file-lock.mjs';
import type { Health } from './health.js';
import type { ProcessState, Status } from './run-file.js';

/** One process of a run, as data: how it is started, asked after and ended. */
export interface ProcessSpec {
  name: string;
  port: number;
  /** Higher tiers use lower ones and are stopped before them. */
  tier: number;
  stopSignals: StopSignals;
  /** Resolves when it was spawned, or later if it can tell when it is ready; `onSpawn` is called at once either way. */
  launch(hooks: { onSpawn: (child: ChildProcess) => void; signal: AbortSignal }): Promise<ChildProcess>;
  health(): Promise<Health>;
}

export interface Timing {
  firstReadyMs: number;
  /** While it is not ready yet. */
  gatePollMs: number;
  pollMs: number;
  /** Failed live checks in a row before it is restarted. */
  strikes: number;
  /** A process that was just restarted may take this long before its live checks count. */
  graceMs: number;
  backoffMs: number;
  backoffMaxMs: number;
  /** Healthy this long: the next restart is at once again. */
  steadyMs: number;
}

export const TIMING: Timing = {
  firstReadyMs: 120_000,
  gatePollMs: 100,
  pollMs: 2_000,
  strikes: 3,
  graceMs: 60_000,
  backoffMs: 200,
  backoffMaxMs: 5_000,
  steadyMs: 30_000,
};

/** Keeps one process running: starts it, watches it, starts it again when it exits or hangs. */
export class SupervisedProcess {
  #status: Status = 'stopped';
  #child: ChildProcess | null = null;
  #started: string | null = null;
  #restarts = 0;
  #failures = 0;
  /** 0: not ready since it was last started. */
  #readySince = 0;
  #downSince = 0;
  #isHurried = false;
  #keeping: Promise<void> = Promise.resolve();
  readonly #stopping = new AbortController();

  constructor(
    readonly spec: ProcessSpec,
    private readonly timing: Timing,
    private readonly onChange: () => void,
    private readonly say: (line: string) => void,
  ) {}

  get state(): ProcessState {
    const pid = this.#child?.pid ?? null;
    return { name: this.spec.name, pid, port: this.spec.port, status: this.#status, started: this.#started, restarts: this.#restarts };
  }

  /** Resolves when it is ready for the first time, and keeps it running from then on. Rejects if it ends or takes too long. */
  async start(): Promise<void> {
    this.#set('starting');
    const launching = this.#launch();
    this.#keeping = launching.then(
      () => undefined,
      () => undefined,
    );
    const child = await launching;
    for (const end = Date.now() + this.timing.firstReadyMs; ; await exitWithin(child, this.timing.gatePollMs)) {
      const health = await this.spec.health();
      // Asked last: a stranger on our port may have answered for it.
      if (hasExited(child)) throw new ServerError(`${this.spec.name} ${endOf(child)} while it started.`);
      if (Date.now() > end) throw new ServerError(`${this.spec.name} was not ready within ${this.timing.firstReadyMs / 1000} s.`);
      if (!health.isReady) continue;
      this.#readySince = Date.now();
      this.#set(health.isDegraded ? 'degraded' : 'healthy');
      break;
    }
    this.#keeping = this.#keep(child);
  }

  /** Ends it for good. Resolves when it is gone. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const { stopSignals } = this.spec;
    if (this.#child) await stopProcess(this.#child, this.#isHurried ? stopSignals.slice(1) : stopSignals);
    await this.#keeping;
    this.#set('stopped');
  }

  /** From now on it is stopped with less patience. */
  hurry(): void {
    this.#isHurried = true;
    const next = this.spec.stopSignals[1];
    if (this.#stopping.signal.aborted && next) this.#child?.kill(next[0]);
  }

  async #keep(first: ChildProcess): Promise<void> {
    for (let child = first; ;) {
      const why = await this.#watch(child);
      if (this.#readySince > 0 && Date.now() - this.#readySince >= this.timing.steadyMs) this.#failures = 0;
      const again = await this.#startAgain(why);
      if (again === null) return;
      child = again;
    }
  }

  /** Resolves with the reason when it exits, or has been ended because it hangs. */
  async #watch(child: ChildProcess): Promise<string> {
    const begin = Date.now();
    const downSince = this.#downSince;
    let wasLive = this.#readySince > 0;
    for (let strikes = 0; ;) {
      const { isLive, isReady, isDegraded } = await this.spec.health();
      if (hasExited(child)) return endOf(child);
      if (isReady && this.#readySince === 0) {
        this.#readySince = Date.now();
        this.say(`${this.spec.name} is back after ${((Date.now() - downSince) / 1000).toFixed(1)} s (pid ${child.pid})`);
      }
      // A restarted process stays "restarting" until it can work: its neighbours may have to come back first.
      if (this.#readySince > 0) this.#set(isReady && !isDegraded ? 'healthy' : 'degraded');
      wasLive ||= isLive;
      strikes = isLive || !(wasLive || Date.now() - begin > this.timing.graceMs) ? 0 : strikes + 1;
      if (strikes >= this.timing.strikes && !this.#stopping.signal.aborted) {
        await stopProcess(child, HUNG_STOP);
        return `did not answer ${strikes} times in a row and was ended`;
      }
      await exitWithin(child, this.#readySince > 0 ? this.timing.pollMs : this.timing.gatePollMs);
    }
  }

  /** Null: it is being stopped. */
  async #startAgain(why: string): Promise<ChildProcess | null> {
    this.#readySince = 0;
    this.#downSince = Date.now();
    for (let reason = why; !this.#stopping.signal.aborted;) {
      this.#restarts += 1;
      const delayMs = Math.min(this.timing.backoffMs * 2 ** this.#failures, this.timing.backoffMaxMs);
      this.#failures += 1;
      this.#set('restarting');
      this.say(`${this.spec.name} ${reason}; it is started again`);
      await sleep(delayMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      try {
        if (!this.#stopping.signal.aborted) return await this.#launch();
      } catch (error) {
        reason = `could not be started (${(error as Error).message})`;
      }
    }
    return null;
  }

  #launch(): Promise<ChildProcess> {
    return this.spec.launch({ onSpawn: (child) => this.#adopt(child), signal: this.#stopping.signal });
  }

  #adopt(child: ChildProcess): void {
    this.#child = child;
    this.#started = child.pid === undefined ? null : processStart(child.pid);
    child.once('exit', () => {
      if (this.#child !== child) return;
      this.#child = null;
      this.#started = null;
      if (this.#status !== 'starting') this.#status = this.#stopping.signal.aborted ? 'stopped' : 'restarting';
      this.onChange();
    });
    this.onChange();
  }

  #set(status: Status): void {
    if (this.#status === status) return;
    this.#status = status;
    this.onChange();
  }
}

const HUNG_STOP: StopSignals = [
  ['SIGTERM', 2_000],
  ['SIGKILL', 5_000],
];

const endOf = (child: ChildProcess): string =>
  child.signalCode ? `was killed (${child.signalCode})` : `exited with code ${child.exitCode}`;
