import { spawn } from 'node:child_process';
import { ROOT } from './settings.js';

/** Runs a Node program of the workspace to its end, its output ours. Ends with us when we are interrupted. */
export const runNode = (args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<number> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: ROOT, env, stdio: ['ignore', 'inherit', 'inherit'] });
    const interrupt = (signal: NodeJS.Signals): void => {
      child.kill(signal);
      child.once('exit', () => process.exit(130));
    };
    process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
    child.once('error', reject);
    child.once('exit', (code) => {
      process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
      resolve(code ?? 1);
    });
  });
