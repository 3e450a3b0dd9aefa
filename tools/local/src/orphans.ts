import { setTimeout as sleep } from 'node:timers/promises';
import { POSTGRES_STOP, REDIS_STOP, type StopSignals } from '@darkspere/testing';
import { isRunning } from '../file-lock.mjs';
import { holderOf, type ProcessState } from './run-file.js';

export const APP_STOP: StopSignals = [
  ['SIGTERM', 10_000],
  ['SIGKILL', 5_000],
];

const SERVERS: Readonly<Record<string, StopSignals>> = { redis: REDIS_STOP, postgres: POSTGRES_STOP };

/** Processes of a run whose supervisor is gone (killed, or it crashed). */
export const orphansOf = (processes: readonly ProcessState[]): ProcessState[] => processes.filter(isAlive);

/** Ends them as the supervisor would have: the servers after those who use them. */
export const endOrphans = async (orphans: readonly ProcessState[]): Promise<void> => {
  const isServer = ({ name }: ProcessState): boolean => name in SERVERS;
  await Promise.all(orphans.filter((orphan) => !isServer(orphan)).map((orphan) => end(orphan, APP_STOP)));
  await Promise.all(orphans.filter(isServer).map((orphan) => end(orphan, SERVERS[orphan.name]!)));
};

const isAlive = (state: ProcessState): boolean => {
  const holder = holderOf(state);
  return holder !== null && isRunning(holder);
};

const end = async (state: ProcessState, signals: StopSignals): Promise<void> => {
  for (const [signal, patienceMs] of signals) {
    if (!isAlive(state)) return;
    try {
      process.kill(state.pid!, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EPERM') throw error;
    }
    for (const until = Date.now() + patienceMs; isAlive(state) && Date.now() < until;) await sleep(50);
  }
};
