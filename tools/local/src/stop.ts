import { setTimeout as sleep } from 'node:timers/promises';
import { lockHolder } from '../file-lock.mjs';
import { explain } from './failure.js';
import { Home } from './home.js';
import { endOrphans, orphansOf } from './orphans.js';
import { readRun } from './run-file.js';
import { homeOf } from './settings.js';

/** The supervisor itself takes up to 10 s for the apps and 15 s for Postgres. */
const PATIENCE_MS = 45_000;

const stop = async (home: Home): Promise<string> => {
  const holder = lockHolder(home.lock);
  if (!holder) {
    const orphans = orphansOf(readRun(home.runFile)?.processes ?? []);
    if (orphans.length === 0) return `Nothing is running here (${home.dir}).`;
    await endOrphans(orphans);
    return `Ended what a killed run had left behind: ${orphans.map(({ name }) => name).join(', ')}. The data stays.`;
  }
  process.kill(holder.pid, 'SIGTERM');
  for (const end = Date.now() + PATIENCE_MS; lockHolder(home.lock)?.pid === holder.pid; await sleep(100)) {
    if (Date.now() < end) continue;
    process.kill(holder.pid, 'SIGKILL');
    await sleep(500);
  }
  await endOrphans(orphansOf(readRun(home.runFile)?.processes ?? []));
  return 'Stopped. The data stays.';
};

try {
  console.log(await stop(new Home(homeOf())));
} catch (error) {
  const { code } = error as NodeJS.ErrnoException;
  console.error(
    code === 'EPERM' || code === 'EACCES' ? 'The run here belongs to another user: stop it as that user.' : explain(error, homeOf()),
  );
  process.exitCode = 1;
}
