import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import { Adapter } from './adapter.js';
import { audit, type Violation } from './audit.js';
import { Clock } from './clock.js';
import { Database } from './database.js';
import { gatherFacts } from './facts.js';
import { Gateway } from './gateway.js';
import { loseAgents } from './outages.js';
import { play } from './play.js';
import { Random } from './random.js';
import { reconcile } from './reconciler.js';
import { Run } from './run.js';
import { setScene } from './scene.js';
import { sendDue } from './sender.js';
import { World } from './world.js';

export interface RacesOptions {
  runs: number;
  /** Run n plays the script of seed + n. */
  seed: number;
  /** Made with `options: PLANNER`, for a database that is migrated and keeps commit timestamps. */
  pool: Pool;
  /** Default: all of the pool. */
  connections?: number;
  /** No further runs begin after that many seconds. */
  seconds?: number;
  onProgress?: (result: RacesResult) => void;
  onViolation?: (run: Run, violations: Violation[]) => void;
}

export interface RacesResult {
  runs: number;
  texts: number;
  late: number;
  lost: number;
  doubled: number;
  misordered: number;
  seconds: number;
  seed: number;
}

/** Runs that are played before the calm in which everything has to come to its end. */
const WAVE = 250;
const AT_ONCE = 100;
/** Milliseconds of the clock in one of real time. */
const PACE = 15;
const CALM_PACE = 100;
const PROGRESS_MS = 3_000;
/** Longer than a turn's deadline, three look-ups, and everything that waits for them. */
const LONGEST_CALM_MS = 200_000;
/** The same in real time, on a machine that is busy with other things. */
const LONGEST_WAIT_MS = 180_000;
const DAY_MS = 24 * 3_600_000 + 1_000;

/** Plays random interleavings and audits each. */
export const runRaces = async (options: RacesOptions): Promise<RacesResult> => {
  const { pool, seed } = options;
  await checkServer(pool);
  const begin = Date.now();
  const random = new Random(`world ${seed}`);
  const clock = new Clock(begin);
  const scene = await setScene(pool);
  const database = await Database.over(pool, options.connections ?? pool.options.max ?? 10, clock, random);
  const result: RacesResult = { runs: 0, texts: 0, late: 0, lost: 0, doubled: 0, misordered: 0, seconds: 0, seed };
  const seconds = (): number => Math.round((Date.now() - begin) / 100) / 10;
  try {
    while (result.runs < options.runs && seconds() < (options.seconds ?? Infinity)) {
      const runs = Array.from(
        { length: Math.min(WAVE, options.runs - result.runs) },
        (_, i) => new Run(seed + result.runs + i, result.runs + i),
      );
      const world = new World(clock, database, scene, random);
      const told = setInterval(() => options.onProgress?.({ ...result, seconds: seconds() }), PROGRESS_MS);
      try {
        await playWave(world, runs);
        await auditWave(world, runs, result, options);
      } finally {
        clearInterval(told);
      }
    }
  } finally {
    database.close();
  }
  return { ...result, seconds: seconds() };
};

const checkServer = async (pool: Pool): Promise<void> => {
  const { rows } = await pool.query<{ keeps: boolean }>(`select current_setting('track_commit_timestamp')::boolean as keeps`);
  if (!rows[0]!.keeps) throw new Error('The audit needs the order of commits: start this server with track_commit_timestamp = on.');
};

const playWave = async (world: World, runs: readonly Run[]): Promise<void> => {
  const adapter = new Adapter(world);
  const gateway = new Gateway(world, adapter);
  adapter.onEnd = (messageIds, random) => gateway.tell(messageIds, random);
  const { random } = world;
  const loops = [
    adapter.sweep(random),
    adapter.sweep(random),
    sendDue(world, random),
    sendDue(world, random),
    reconcile(world, random),
    reconcile(world, random),
    loseAgents(world, random),
  ];
  for (const run of runs) world.enter(run);
  let pace = PACE;
  const driver = drive(world, () => pace);
  try {
    for (const day of ['steps', 'nextDay'] as const) {
      world.isCalm = world.database.isCalm = false;
      pace = PACE;
      const waiting = runs.filter(({ script }) => script[day].length > 0);
      const ending = day === 'nextDay' ? endIdleSessions(world) : Promise.resolve();
      const lanes = Array.from({ length: AT_ONCE }, async () => {
        for (let run = waiting.shift(); run; run = waiting.shift()) await play(world, gateway, run, run.script[day]);
      });
      await Promise.race([Promise.all(lanes), driver]);
      await ending;
      world.isCalm = world.database.isCalm = true;
      pace = CALM_PACE;
      await Promise.race([settle(world), driver]);
      if (day === 'steps') await passDay(world);
    }
  } finally {
    world.isOver = true;
    const over = Promise.allSettled([driver, ...loops]).then(() => true);
    // The loops sleep by this clock.
    while (!(await Promise.race([over, sleep(1, false)]))) world.clock.advance(10_000);
  }
  world.throwFailure();
  const { deadlocks } = world.database;
  if (deadlocks.length > 0)
    throw new Error(`Functions waited for each other until Postgres cancelled one of them: ${deadlocks.join(', ')}`);
};

const passDay = async (world: World): Promise<void> => {
  for (const end = world.clock.ms + DAY_MS; world.clock.ms < end; await sleep(1)) world.clock.advance(end - world.clock.ms);
};

/** Lets time pass; rejects when a part of the world fails. */
const drive = async (world: World, pace: () => number): Promise<void> => {
  let last = performance.now();
  while (!world.isOver) {
    await sleep(1);
    const now = performance.now();
    world.clock.advance(Math.min(20, now - last) * pace());
    last = now;
    world.throwFailure();
  }
};

/** Sweeps the sessions of yesterday while their phones text again. */
const endIdleSessions = async (world: World): Promise<void> => {
  const sweep = async (): Promise<void> => {
    for (let i = 0; i < 20; i += 1) {
      await world.clock.sleep(world.random.below(100));
      await world.database.value('routing.end_idle_sessions', [world.clock.now(), 1 + world.random.below(20)]).catch(() => undefined);
    }
  };
  await Promise.all([sweep(), sweep()]);
};

/** Waits until nothing is under way and nothing is left to do, or for so long that it never will be done. */
const settle = async (world: World): Promise<void> => {
  const end = world.clock.ms + LONGEST_CALM_MS;
  const busy = `select exists (select from messaging.outbox where account_id = $1)
    or exists (select from routing.due_sessions d join routing.agent_sessions s on s.id = d.session_id where s.account_id = $1) as busy`;
  const latest = Date.now() + LONGEST_WAIT_MS;
  while (world.clock.ms < end) {
    if (Date.now() > latest) throw new Error('The clock stands still: something is under way and does not end.');
    await sleep(20);
    if (!world.isIdle) continue;
    const [row] = await world.database.rows<{ busy: boolean }>(busy, [world.scene.account]);
    if (!row!.busy && world.isIdle) return;
  }
};

const auditWave = async (world: World, runs: readonly Run[], result: RacesResult, options: RacesOptions): Promise<void> => {
  const facts = await gatherFacts(
    world.database,
    world.scene.account,
    runs.map(({ phone }) => phone),
    world.clock.now(),
  );
  for (const run of runs) {
    const found = audit(run, facts.get(run.phone)!, world.carrier);
    result.texts += facts.get(run.phone)!.texts.length;
    for (const { fault } of found) result[fault] += 1;
    if (found.length > 0) options.onViolation?.(run, found);
  }
  result.runs += runs.length;
};
