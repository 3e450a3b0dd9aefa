// Plain JavaScript without dependencies: start.mjs uses it before anything is installed, the supervisor afterwards.
import { execFileSync } from 'node:child_process';
import { readFileSync, renameSync, statSync, unlinkSync, writeFileSync } from 'node:fs';

export const processStart = (pid) => {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code !== 'EPERM') return null;
  }
  try {
    if (process.platform !== 'linux') return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    // The second field is the name in brackets, which may hold spaces and brackets; state is the 3rd, start the 22nd.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie has ended; it only waits for its parent to notice.
    return fields[0] === 'Z' ? null : fields[19];
  } catch {
    return null;
  }
};

export const isRunning = ({ pid, started }) => {
  const start = Number.isInteger(pid) && pid > 0 ? processStart(pid) : null;
  return start !== null && (started === null || start === started);
};

/** A lock appears empty for a moment before its holder is written. */
const BEING_WRITTEN_MS = 2_000;

const read = (path) => {
  try {
    const text = readFileSync(path, 'utf8');
    if (text === '' && Date.now() - statSync(path).mtimeMs < BEING_WRITTEN_MS) return { pid: 0, started: null, isNew: true };
    return JSON.parse(text);
  } catch (error) {
    return error.code === 'ENOENT' ? null : { pid: -1, started: null };
  }
};

export const lockHolder = (path) => {
  const holder = read(path);
  return holder && isRunning(holder) ? holder : null;
};

export const takeLock = (path) => {
  const mine = { pid: process.pid, started: processStart(process.pid) };
  for (;;) {
    try {
      writeFileSync(path, JSON.stringify(mine), { flag: 'wx', mode: 0o644 });
      return { holder: null, release: () => read(path)?.pid === mine.pid && unlinkSync(path) };
    } catch (error) {
      if (error.code !== 'EEXIST') {
        // A full disk lets the name appear and not the content.
        if (error.code === 'ENOSPC' || error.code === 'EDQUOT') unlinkSync(path);
        throw error;
      }
    }
    const holder = read(path);
    if (holder === null) continue;
    if (holder.isNew || isRunning(holder)) return { holder, release: null };
    // Two may see the same dead holder; only one can move the file away, and it looks at what it moved.
    const aside = `${path}.${process.pid}`;
    try {
      renameSync(path, aside);
    } catch {
      continue;
    }
    const moved = read(aside);
    if (moved && isRunning(moved)) {
      renameSync(aside, path);
      return { holder: moved, release: null };
    }
    unlinkSync(aside);
  }
};
