import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Home } from './home.js';

const REAPER = fileURLToPath(new URL('reaper.js', import.meta.url));

/**
 * Sees to it that nothing goes on unseen when this process is killed -9, alone or with its whole group: a shell (1 MB)
 * waits for the end of a pipe that only we hold, and then runs the reaper, which ends what is left of our run.
 */
export const standBy = (home: Home): void => {
  const wait = 'read -r line; exec "$0" "$@"';
  const shell = spawn('/bin/sh', ['-c', wait, process.execPath, REAPER, home.dir, String(process.pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Without it a killed run is cleaned up at the next start.
  shell.on('error', () => undefined);
  shell.unref();
};
