import { lockHolder } from '../file-lock.mjs';
import { explain } from './failure.js';
import { Home } from './home.js';
import { orphansOf } from './orphans.js';
import { readRun, type ProcessState } from './run-file.js';
import { homeOf } from './settings.js';

const NOT_RUNNING = 3;

const status = (home: Home, isJson: boolean): number => {
  const holder = lockHolder(home.lock);
  const run = readRun(home.runFile);
  if (!holder) {
    const orphans = orphansOf(run?.processes ?? []);
    if (isJson) console.log('[]');
    console.error(
      orphans.length === 0
        ? `Nothing is running here (${home.dir}): npm start starts it.`
        : `The run here was killed and left ${orphans.map(({ name }) => name).join(', ')} behind: npm start replaces them, npm stop ends them.`,
    );
    return NOT_RUNNING;
  }
  // The record of an earlier run is not about this one.
  const processes = run?.pid === holder.pid ? run.processes.map(asSeen) : [];
  console.log(isJson ? JSON.stringify(processes) : tableOf(processes));
  return 0;
};

/** `started` and `restarts` are the supervisor's own. */
const asSeen = ({ name, pid, port, status }: ProcessState): Pick<ProcessState, 'name' | 'pid' | 'port' | 'status'> => ({
  name,
  pid,
  port,
  status,
});

const tableOf = (processes: readonly Pick<ProcessState, 'name' | 'pid' | 'port' | 'status'>[]): string => {
  const rows = [
    ['name', 'pid', 'port', 'status'],
    ...processes.map(({ name, pid, port, status }) => [name, String(pid ?? '-'), String(port), status]),
  ];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
};

try {
  process.exitCode = status(new Home(homeOf()), process.argv.includes('--json'));
} catch (error) {
  console.error(explain(error, homeOf()));
  process.exitCode = 1;
}
