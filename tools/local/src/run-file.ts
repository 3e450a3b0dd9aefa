import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Holder } from '../file-lock.mjs';

export type Status = 'starting' | 'healthy' | 'degraded' | 'restarting' | 'stopped';

/** What `npm run status` shows. `pid` is the process that serves; null while there is none. */
export interface ProcessState {
  name: string;
  pid: number | null;
  port: number;
  status: Status;
  /** When that process began: pids are used again. */
  started: string | null;
  restarts: number;
}

/** run.json: what the supervisor says about its run. It holds credentials and is therefore mode 0600. */
export interface RunRecord {
  pid: number;
  started: string | null;
  state: 'starting' | 'ready' | 'stopping';
  startedAt: string;
  home: string;
  number: string;
  adminKeyFile: string;
  databaseUrl: string | null;
  redisUrl: string | null;
  /** Null: the carrier is not ours. */
  twinUrl: string | null;
  /** Base URL of each app. */
  urls: Record<string, string>;
  ports: Record<string, number>;
  processes: ProcessState[];
}

/** Complete at each moment. Not synced: after a power cut there is no run to find. */
export const writeRun = (path: string, run: RunRecord): void => {
  const draft = `${path}.new`;
  try {
    writeFileSync(draft, `${JSON.stringify(run, null, 2)}\n`, { mode: 0o600 });
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
};

/** Null: no run, or a record that can't be read as one. */
export const readRun = (path: string): RunRecord | null => {
  let text;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  try {
    const run = JSON.parse(text) as RunRecord | null;
    return Number.isInteger(run?.pid) && Array.isArray(run?.processes) ? run : null;
  } catch {
    return null;
  }
};

export const holderOf = ({ pid, started }: Pick<ProcessState, 'pid' | 'started'>): Holder | null =>
  pid === null ? null : { pid, started };
