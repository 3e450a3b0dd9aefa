import { readFileSync, readdirSync } from 'node:fs';

/** Clock ticks of /proc/<pid>/stat a second: 100 on every Linux that Node runs on. */
const TICKS = 100;

interface Stat {
  parent: number;
  ticks: number;
}

const statOf = (pid: number): Stat | null => {
  try {
    // The command name is in brackets and may hold anything.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    // utime, stime, and those of children that ended (Postgres ends backends).
    return { parent: Number(fields[1]), ticks: [11, 12, 13, 14].reduce((sum, i) => sum + Number(fields[i]), 0) };
  } catch {
    return null;
  }
};

/** CPU seconds that these processes and all their descendants have used so far. */
export const cpuSeconds = (roots: number[]): number => {
  const stats = new Map(
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((name) => [Number(name), statOf(Number(name))] as const),
  );
  const isOurs = (pid: number): boolean => {
    for (let at: number | undefined = pid; at && at > 1; at = stats.get(at)?.parent) if (roots.includes(at)) return true;
    return false;
  };
  let ticks = 0;
  for (const [pid, stat] of stats) if (stat && isOurs(pid)) ticks += stat.ticks;
  return ticks / TICKS;
};
