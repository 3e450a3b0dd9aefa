import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { httpHealth } from './health.js';
import { APP_STOP } from './orphans.js';
import type { ProcessSpec } from './supervised-process.js';

export interface NodeProgram {
  name: string;
  port: number;
  tier: number;
  script: string;
  logFile: string;
  env: NodeJS.ProcessEnv;
  /** Where it says whether it can do its work, if not at /health/ready. */
  healthPath?: string;
}

/** A Node program that answers for its health over HTTP, run directly: its pid is the one that serves. */
export const nodeProcess = ({ name, port, tier, script, logFile, env, healthPath }: NodeProgram): ProcessSpec => ({
  name,
  port,
  tier,
  stopSignals: APP_STOP,
  health: () => httpHealth(port, healthPath),
  launch: async ({ onSpawn }) => {
    const log = openSync(logFile, 'a', 0o600);
    try {
      // Half the default young generation: 27 MB less per process, and no slower at our allocation rates. One thread to
      // collect it: helpers only wait for the cores that the other services use.
      // Detached: Ctrl-C in a terminal must reach the supervisor alone, which stops the parts in order.
      const child = spawn(process.execPath, ['--single-threaded-gc', '--max-semi-space-size=16', script], {
        env,
        detached: true,
        stdio: ['ignore', log, log],
      });
      child.on('error', () => undefined);
      if (child.pid === undefined) throw new Error(`${process.execPath} could not be spawned`);
      onSpawn(child);
      return child;
    } finally {
      closeSync(log);
    }
  },
});
