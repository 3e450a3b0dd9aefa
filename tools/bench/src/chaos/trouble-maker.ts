import { setTimeout as sleep } from 'node:timers/promises';
import { runningTexts } from './database.js';
import type { Happened } from './evidence.js';
import { flushRedis } from './flush-redis.js';
import { EVERYDAY_FAULTS, type Trouble } from './plan.js';
import type { Stack } from './stack.js';
import type { TwinClient } from './twin.client.js';

const BACK_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 50;

/** Does what the plan says, and writes down what really happened and when. */
export class TroubleMaker {
  readonly happened: Happened[] = [];
  readonly #underWay = new Set<Promise<unknown>>();
  #seed = 0;

  constructor(
    private readonly stack: Stack,
    private readonly twin: TwinClient,
    private readonly say: (line: string) => void,
  ) {}

  /** Resolves when everything is healed and every killed process is back. */
  async run(plan: readonly Trouble[], signal?: AbortSignal): Promise<void> {
    const begin = Date.now();
    await this.#faults({});
    for (const trouble of plan) {
      await sleep(Math.max(0, begin + trouble.atMs - Date.now()), undefined, { ...(signal && { signal }) }).catch(() => undefined);
      if (signal?.aborted) break;
      const work: Promise<void> = this.#make(trouble).finally(() => this.#underWay.delete(work));
      work.catch(() => undefined);
      this.#underWay.add(work);
    }
    await Promise.all(this.#underWay);
  }

  async #make(trouble: Trouble): Promise<void> {
    switch (trouble.kind) {
      case 'kill':
        return this.#kill(trouble.name);
      case 'flush': {
        const at = Date.now();
        const isDone = await flushRedis(this.stack.record.redisUrl);
        if (isDone) this.#note({ kind: 'flush', name: 'redis', what: 'is flushed', at, until: Date.now() });
        return;
      }
      case 'agent': {
        const { agent, control, forMs, what } = trouble;
        const named = agent === null ? {} : { agent };
        const happened = this.#note({ kind: 'agent', name: agent ?? 'agents', what, at: Date.now(), until: null });
        await this.twin.control({ ...named, ...control });
        await sleep(forMs);
        await this.twin.control(named);
        happened.until = Date.now();
        return;
      }
      case 'carrier': {
        const happened = this.#note({ kind: 'carrier', name: 'carrier', what: trouble.what, at: Date.now(), until: null });
        await this.#faults(trouble.faults);
        await sleep(trouble.forMs);
        await this.#faults({});
        happened.until = Date.now();
        return;
      }
      default:
        trouble satisfies never;
    }
  }

  async #kill(name: string): Promise<void> {
    // Asked first, and the kill follows at once.
    const texts = name === 'mcp-adapter' ? await runningTexts(this.stack.record.databaseUrl) : undefined;
    const pid = this.stack.process(name)?.pid;
    // It is just being started again after the kill before.
    if (!pid) return;
    const at = Date.now();
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      return;
    }
    const happened = this.#note({
      kind: 'kill',
      name,
      what: 'is killed',
      at,
      until: null,
      ...(texts !== undefined && { runningTexts: texts }),
    });
    for (; Date.now() - at < BACK_WITHIN_MS && !this.stack.isGone; await sleep(LOOK_EVERY_MS)) {
      const now = this.stack.process(name);
      if (!now?.pid || now.pid === pid || !['healthy', 'degraded'].includes(now.status)) continue;
      happened.until = Date.now();
      return;
    }
    this.say(`${name} is not back after ${BACK_WITHIN_MS / 1_000} s`);
  }

  /** Each change of faults starts the twin's dice again, so each gets a seed of its own. */
  #faults(faults: object): Promise<void> {
    this.#seed += 1;
    return this.twin.faults({ ...EVERYDAY_FAULTS, ...faults, seed: this.#seed });
  }

  #note(happened: Happened): Happened {
    this.happened.push(happened);
    return happened;
  }
}
