import type { ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A server that accepts connections. */
export interface RunningServer {
  url: string;
  pid: number;
  process: ChildProcess;
  /** Ends it in its orderly way, by force if that takes too long. Resolves when it is gone. */
  stop(): Promise<void>;
}

/** Signals to end a process with, mildest first, each with the time it is given in milliseconds. */
export type StopSignals = readonly (readonly [signal: NodeJS.Signals, patienceMs: number])[];

export const hasExited = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

/** Resolves when `child` has exited or could not be spawned, at the latest after `ms`. */
export const exitWithin = (child: ChildProcess, ms: number): Promise<void> =>
  new Promise((resolve) => {
    if (hasExited(child) || child.pid === undefined) return resolve();
    // Listener and timer are both removed: this is called every few seconds for as long as a process lives.
    const done = (): void => {
      clearTimeout(timer);
      child.off('exit', done);
      resolve();
    };
    const timer = ms === Infinity ? undefined : setTimeout(done, ms);
    child.on('exit', done);
  });

export const exitOf = (child: ChildProcess): Promise<void> => exitWithin(child, Infinity);

export const stopProcess = async (child: ChildProcess, signals: StopSignals): Promise<void> => {
  for (const [signal, patienceMs] of signals) {
    if (hasExited(child) || child.pid === undefined) return;
    child.kill(signal);
    await exitWithin(child, patienceMs);
  }
  await exitOf(child);
};

/** Processes named `names` that work inside `dir`: what an earlier run left behind. Empty where there is no /proc. */
const leftoversIn = (dir: string, names: readonly string[]): number[] => {
  const found: number[] = [];
  for (const entry of existingEntries('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    try {
      if (readlinkSync(`/proc/${pid}/cwd`) !== dir) continue;
      if (names.includes(readFileSync(`/proc/${pid}/comm`, 'utf8').trim())) found.push(pid);
    } catch {
      // Not ours to look at, or gone meanwhile.
    }
  }
  return found;
};

const existingEntries = (dir: string): string[] => {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
};

/** Ends what an earlier run left behind in `dir` and waits until it is gone. Returns how many processes there were. */
export const endLeftovers = async (dir: string, names: readonly string[], signals: StopSignals): Promise<number> => {
  const first = leftoversIn(dir, names);
  let left = first;
  for (const [signal, patienceMs] of signals) {
    if (left.length === 0) break;
    for (const pid of left) kill(pid, signal);
    for (const end = Date.now() + patienceMs; left.length > 0 && Date.now() < end; left = leftoversIn(dir, names)) await sleep(50);
  }
  return first.length;
};

const kill = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already.
  }
};

/** A log that a child writes to by itself, so that it goes on when we are gone; `tail` is what was added since. */
export const openLog = (path: string): { fd: number; tail(): string; close(): void } => {
  mkdirSync(dirname(path), { recursive: true });
  const fd = openSync(path, 'a', 0o600);
  const start = statSync(path).size;
  return {
    fd,
    tail: () => readFrom(path, start),
    close: () => closeSync(fd),
  };
};

const TAIL_BYTES = 16_384;

const readFrom = (path: string, start: number): string => {
  const fd = openSync(path, 'r');
  try {
    const { size } = statSync(path);
    const from = Math.max(start, size - TAIL_BYTES);
    const buffer = Buffer.alloc(Math.max(0, size - from));
    return buffer.toString('utf8', 0, readSync(fd, buffer, 0, buffer.length, from));
  } finally {
    closeSync(fd);
  }
};
