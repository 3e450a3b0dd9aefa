import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool, PoolClient } from 'pg';
import type { Clock } from './clock.js';
import type { Random } from './random.js';

/** The caller was killed before its transaction committed. */
export class Died extends Error {}

/** No call of the real system is given longer than this. */
const LONGEST_CALL_MS = 2_000;
/** How many transactions stay open after their function has returned: others run into their locks. */
const HELD_OPEN = 0.25;
const LONGEST_OPEN_MS = 8;
const KILLED = 0.02;
const DEADLOCK = '40P01';

/** 0 to 3 ms of real time. */
export const think = async (random: Random): Promise<void> => {
  const ms = random.below(4);
  if (ms > 0) await sleep(ms);
};

/** Calls functions, each in a transaction of its own, on a connection that chance picks. */
export class Database {
  private readonly idle: PoolClient[];
  private readonly waiting: ((client: PoolClient) => void)[] = [];
  /** Calls that Postgres cancelled because they waited for each other. Whoever called tries again, so nothing else would tell. */
  readonly deadlocks: string[] = [];
  /** No more chance: transactions end at once and nobody is killed. */
  isCalm = false;

  private constructor(
    private readonly clients: PoolClient[],
    private readonly clock: Clock,
    private readonly random: Random,
  ) {
    this.idle = [...clients];
    for (const client of clients) client.on('error', () => undefined);
  }

  static async over(pool: Pool, connections: number, clock: Clock, random: Random): Promise<Database> {
    return new Database(await Promise.all(Array.from({ length: connections }, () => pool.connect())), clock, random);
  }

  close(): void {
    for (const client of this.clients) client.release();
  }

  /** The values that a function returns. Throws `Died`: nothing of it happened. `isHeld`: its transaction stays open for a while. */
  async call<T>(name: string, args: unknown[], isHeld = false): Promise<T[]> {
    const letGo = this.clock.hold(LONGEST_CALL_MS);
    const client = await this.take();
    try {
      const isKilled = !this.isCalm && this.random.chance(KILLED);
      const staysOpen = isHeld || (!this.isCalm && this.random.chance(HELD_OPEN));
      if (!isKilled && !staysOpen) return await run<T>(client, name, args);
      await client.query('begin');
      try {
        const values = await run<T>(client, name, args);
        await sleep((isHeld ? LONGEST_OPEN_MS / 2 : 0) + this.random.below(LONGEST_OPEN_MS + 1));
        if (isKilled) throw new Died(name);
        await client.query('commit');
        return values;
      } catch (error) {
        await client.query('rollback');
        throw error;
      }
    } catch (error) {
      if ((error as { code?: string }).code === DEADLOCK) this.deadlocks.push(name);
      throw error;
    } finally {
      this.give(client);
      letGo();
    }
  }

  async value<T>(name: string, args: unknown[], isHeld = false): Promise<T> {
    return (await this.call<T>(name, args, isHeld))[0]!;
  }

  async rows<T>(text: string, values: unknown[] = []): Promise<T[]> {
    const client = await this.take();
    try {
      return (await client.query(text, values)).rows as T[];
    } finally {
      this.give(client);
    }
  }

  private take(): Promise<PoolClient> | PoolClient {
    if (this.idle.length === 0) return new Promise((resolve) => this.waiting.push(resolve));
    return this.idle.splice(this.random.below(this.idle.length), 1)[0]!;
  }

  private give(client: PoolClient): void {
    const next = this.waiting.shift();
    if (next) next(client);
    else this.idle.push(client);
  }
}

const run = async <T>(client: PoolClient, name: string, args: unknown[]): Promise<T[]> => {
  const text = `select ${name}(${args.map((_, i) => `$${i + 1}`).join(', ')}) as value`;
  const { rows } = await client.query<{ value: T }>({ name: `${name}/${args.length}`, text, values: args });
  return rows.map(({ value }) => value);
};
