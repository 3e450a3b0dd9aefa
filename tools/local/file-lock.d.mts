/** Who holds a lock, or runs: a pid and when that process began, since pids are used again. */
export interface Holder {
  pid: number;
  started: string | null;
}

/** When the process began, in whatever form this system tells it; null: no such process. */
export function processStart(pid: number): string | null;

/** Does this very process still run? */
export function isRunning(holder: Holder): boolean;

/** The living process that holds the lock, or null. */
export function lockHolder(path: string): Holder | null;

/** Takes the lock; a lock whose holder has died is taken over. The directory must exist. */
export function takeLock(path: string): { release: () => void; holder: null } | { release: null; holder: Holder };
