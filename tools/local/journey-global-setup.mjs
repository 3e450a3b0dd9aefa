// Compiled code: jest does not transform this file, and `npm test` builds first.
import { startJourneySystem } from './dist/journey-system.js';

/** One whole system for all journeys, announced as JOURNEY_RUN: the path of its run.json (RunRecord in src/run-file.ts). */
export default async () => {
  const { runFile, stop } = await startJourneySystem();
  globalThis.stopJourneySystem = stop;
  process.env.JOURNEY_RUN = runFile;
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => void stop().finally(() => process.kill(process.pid, signal)));
  }
};
