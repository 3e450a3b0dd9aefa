import { mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.js';
import { POSTGRES_STOP, startPostgres } from './postgres.js';
import { REDIS_STOP, startRedis } from './redis.js';
import { endLeftovers, type RunningServer } from './server-process.js';
import { makeTemplate } from './test-database.js';

const PREFIX = 'darkspere-test-';

/**
 * One Postgres with a migrated template and one Redis for a whole test run, in a temporary directory, announced to the
 * workers as TEST_DATABASE_ADMIN_URL, TEST_REDIS_URL and TEST_REDIS_BIN. Servers that the environment names are used
 * instead. Returns what ends them.
 */
export const startTestServers = async (migrate: (url: string) => Promise<void>): Promise<() => Promise<void>> => {
  await removeAbandoned();
  const dir = mkdtempSync(join(realpathSync(tmpdir()), `${PREFIX}${process.pid}-`));
  const started: RunningServer[] = [];
  const toRemove = [dir];
  const stop = async (): Promise<void> => {
    await Promise.all(started.map((server) => server.stop()));
    for (const path of toRemove) rmSync(path, { recursive: true, force: true });
  };
  const startDatabase = async (): Promise<void> => {
    if (!process.env.TEST_DATABASE_ADMIN_URL) {
      // Tests of races judge by the order of commits.
      const postgres = await startPostgres({
        dataDir: join(dir, 'postgres'),
        port: await freePort(),
        settings: { track_commit_timestamp: 'on' },
      });
      started.push(postgres);
      toRemove.push(postgres.dataDir);
      process.env.TEST_DATABASE_ADMIN_URL = postgres.url;
    }
    await makeTemplate(process.env.TEST_DATABASE_ADMIN_URL, migrate);
  };
  const startDoorbell = async (): Promise<void> => {
    if (process.env.TEST_REDIS_URL) return;
    const redis = await startRedis({ dir: join(dir, 'redis'), port: await freePort() });
    started.push(redis);
    process.env.TEST_REDIS_URL = redis.url;
    process.env.TEST_REDIS_BIN = redis.binary;
  };
  const [database, doorbell] = await Promise.allSettled([startDatabase(), startDoorbell()]);
  const failed = [database, doorbell].find((result) => result.status === 'rejected');
  if (failed) {
    await stop();
    throw failed.reason;
  }
  return stop;
};

/** A run that was killed could not clean up: its servers still run, and its directory names its pid. */
const removeAbandoned = async (): Promise<void> => {
  const root = realpathSync(tmpdir());
  for (const name of readdirSync(root)) {
    const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    if (!pid || isAlive(Number(pid))) continue;
    const dir = join(root, name);
    try {
      await endLeftovers(join(dir, 'postgres'), ['postgres'], POSTGRES_STOP.slice(1));
      await endLeftovers(join(dir, 'redis'), ['redis-server', 'valkey-server'], REDIS_STOP);
      rmSync(dir, { recursive: true, force: true });
    } catch {
      // Another user's.
    }
  }
};

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
};
