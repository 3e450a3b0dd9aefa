import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { migrate, PLANNER } from '@darkspere/database';
import { freePort, startPostgres } from '@darkspere/testing';
import pg from 'pg';
import type { Violation } from './races/audit.js';
import type { Run } from './races/run.js';
import { runRaces, type RacesResult } from './races/run-races.js';

const HELP = `Plays random interleavings of texts, repeated deliveries, STOP and START, moved sessions, give-ups, carriers that call
back late, twice or never, and processes that die at any step, against a real Postgres. Then it looks for texts that were
lost, answered twice or out of order, and for answers that left after a STOP had committed.

  --runs N            how many interleavings (default 10000)
  --seed N            the first one's seed, run n plays seed + n (default: another one each time)
  --seconds N         begin no further runs after that time
  --connections N     transactions at the same time (default 16)
  --database-url URL  a server of yours, with track_commit_timestamp = on; it is migrated (default: one of its own)

The last line is the result as JSON. Exit code 1 if anything was found; the seed and all events of such a run are printed.`;

const MOST_TRACES = 3;

interface Options {
  runs: number;
  seed: number;
  seconds?: number;
  connections: number;
  url?: string;
}

const main = async (): Promise<number> => {
  let options: Options | null;
  try {
    options = readOptions();
  } catch (error) {
    console.error((error as Error).message);
    return 2;
  }
  if (!options) return 0;
  const server = options.url ? { url: options.url, stop: async () => undefined } : await startServer();
  const interrupted = onInterrupt();
  try {
    return await Promise.race([races(server.url, options), interrupted]);
  } finally {
    await server.stop();
  }
};

/** Resolves to the exit code of a process that a signal ends. */
const onInterrupt = (): Promise<number> =>
  new Promise((resolve) => {
    process.once('SIGINT', () => resolve(130));
    process.once('SIGTERM', () => resolve(143));
  });

const races = async (url: string, options: Options): Promise<number> => {
  await migrate(url);
  const pool = new pg.Pool({ connectionString: url, max: options.connections, options: PLANNER });
  pool.on('error', () => undefined);
  try {
    let traces = 0;
    const result = await runRaces({
      ...options,
      pool,
      onProgress: (so) => console.error(summaryOf(so)),
      onViolation: (run, violations) => {
        if ((traces += 1) <= MOST_TRACES) tell(run, violations);
      },
    });
    console.log(JSON.stringify(result));
    return result.late + result.lost + result.doubled + result.misordered > 0 ? 1 : 0;
  } finally {
    await pool.end();
  }
};

/** Null: only help was asked for. */
const readOptions = (): Options | null => {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '10000' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
      seconds: { type: 'string' },
      connections: { type: 'string', default: '16' },
      'database-url': { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return null;
  }
  const number = (name: 'runs' | 'seed' | 'seconds' | 'connections'): number => {
    const value = Number(values[name]);
    if (!Number.isInteger(value) || value < (name === 'seed' ? 0 : 1))
      throw new Error(`--${name} must be a whole number, not ${values[name]}`);
    return value;
  };
  return {
    runs: number('runs'),
    seed: number('seed'),
    ...(values.seconds === undefined ? {} : { seconds: number('seconds') }),
    connections: number('connections'),
    ...(values['database-url'] === undefined ? {} : { url: values['database-url'] }),
  };
};

/** A server in a directory of its own. What is tested are locks and not the disk, so it does not wait for that. */
const startServer = async (): Promise<{ url: string; stop(): Promise<void> }> => {
  const dir = mkdtempSync(join(realpathSync(tmpdir()), 'darkspere-races-'));
  if (process.getuid?.() === 0) chmodSync(dir, 0o711);
  const remove = (...paths: string[]): void => paths.forEach((path) => rmSync(path, { recursive: true, force: true }));
  try {
    const server = await startPostgres({
      dataDir: join(dir, 'postgres'),
      port: await freePort(),
      settings: { track_commit_timestamp: 'on', fsync: 'off' },
    });
    return { url: server.url, stop: () => server.stop().then(() => remove(dir, server.dataDir)) };
  } catch (error) {
    remove(dir);
    throw error;
  }
};

const summaryOf = ({ runs, texts, late, lost, doubled, misordered, seconds }: RacesResult): string =>
  `${seconds.toFixed(0).padStart(4)} s  ${runs} runs, ${texts} texts: ${late} late, ${lost} lost, ${doubled} doubled, ${misordered} out of order`;

const tell = (run: Run, violations: Violation[]): void => {
  console.error(`\nRun with seed ${run.seed} (${run.script.policy}, ${run.phone}); again: npm run races -- --seed ${run.seed} --runs 1`);
  for (const { fault, what } of violations) console.error(`  ${fault}: ${what}`);
  for (const step of [...run.script.steps, ...run.script.nextDay]) console.error(`  planned ${JSON.stringify(step)}`);
  for (const line of run.trace) console.error(`  ${line}`);
};

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.stack : String(error));
  return 2;
});
process.exit();
