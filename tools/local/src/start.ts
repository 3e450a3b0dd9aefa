import { diskFull } from '@darkspere/testing';
import { takeLock } from '../file-lock.mjs';
import { explain } from './failure.js';
import { Home } from './home.js';
import { Progress } from './progress.js';
import { Run } from './run.js';
import { homeOf, readSettings } from './settings.js';
import { standBy } from './stand-by.js';
import { StartFailure } from './supervisor.js';
import { summaryOf } from './summary.js';

/** Ctrl-C reaches us from the terminal and again from npm and start.mjs: within this time it is one and the same. */
const SAME_INTERRUPT_MS = 600;
const PARENT_POLL_MS = 1_000;

const main = async (): Promise<number> => {
  const settings = readSettings();
  const home = new Home(settings.home);
  home.open();
  const lock = takeLock(home.lock);
  if (lock.holder) {
    console.error(`DarkSpere already runs here (pid ${lock.holder.pid}, ${home.dir}). npm run status shows it, npm stop ends it.`);
    return 1;
  }
  const progress = new Progress(process.stdout);
  try {
    standBy(home);
    return await supervise(new Run(settings, home, progress.say), home, progress);
  } finally {
    lock.release();
  }
};

const supervise = async (run: Run, home: Home, progress: Progress): Promise<number> => {
  // Without us nobody would end the parts.
  process.on('uncaughtException', (error) => {
    console.error(explain(error, home.dir));
    void run.stop().finally(() => process.exit(1));
  });
  const interrupted = onInterrupt(() => {
    progress.say('still stopping, with less patience');
    run.hurry();
  });
  const failure = await Promise.race([
    run.start().then(
      () => null,
      (error: unknown) => ({ error }),
    ),
    interrupted.then(() => 'interrupted' as const),
  ]);
  if (failure !== 'interrupted' && failure !== null) {
    tellFailure(failure.error, home);
    await run.stop();
    return 1;
  }
  if (failure === null) {
    progress.print(summaryOf(run.record, progress.elapsed));
    await interrupted;
  }
  progress.say('stopping');
  await run.stop();
  progress.say('stopped; the data stays');
  return 0;
};

/** Resolves at the first signal to end; `again` is called at a later one. */
const onInterrupt = (again: () => void): Promise<void> =>
  new Promise((resolve) => {
    let last = 0;
    const handle = (): void => {
      const isSame = Date.now() - last < SAME_INTERRUPT_MS;
      if (last === 0) resolve();
      else if (!isSame) again();
      last = Date.now();
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, handle);
    // Who started us may be killed and can't say so. (Further down in a family the variable means another one.)
    const parent = process.ppid;
    if (String(parent) === process.env.DARKSPERE_PARENT)
      setInterval(() => process.ppid !== parent && last === 0 && handle(), PARENT_POLL_MS).unref();
  });

const tellFailure = (error: unknown, home: Home): void => {
  console.error(`\n${explain(error instanceof StartFailure ? error.cause : error, home.dir)}`);
  // The servers' own messages hold what their logs say.
  if (!(error instanceof StartFailure) || ['postgres', 'redis', 'prepare-database'].includes(error.part)) return;
  const tail = home.logTail(error.part);
  const full = diskFull(tail, home.dir);
  if (full) return console.error(full.message);
  if (tail !== '') console.error(`\nThe last lines of ${home.log(error.part)}:\n${tail.replace(/^/gm, '  ')}`);
};

process.exitCode = await main().catch((error: unknown) => {
  console.error(explain(error, homeOf()));
  return 1;
});
process.exit();
