import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServerError } from '@darkspere/testing';
import { ROOT } from './settings.js';
import { runNode } from './steps.js';

export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

interface JestResults {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  numRuntimeErrorTestSuites: number;
}

const WORKERS = /^(?:-i|--runInBand|-w|--maxWorkers)(?:=|$)/;

/** Before 24.9 jest can't load the CommonJS packages that require() Nest, which is ESM. */
const OLDEST_NODE = [24, 9] as const;

/** Runs the given projects of jest.config.js, its output visible, and counts. A file that can't be loaded is a failure. */
export const runJest = async (projects: readonly string[], args: readonly string[]): Promise<Counts> => {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
    throw new ServerError(
      `The tests need Node ${OLDEST_NODE.join('.')} or later, and no package has it for this machine. This is ${process.versions.node}.`,
    );
  }
  const dir = mkdtempSync(join(tmpdir(), 'darkspere-jest-'));
  const file = join(dir, 'results.json');
  // An open handle in one spec must not hang the whole run: --forceExit, after teardown.
  const flags = ['--passWithNoTests', '--forceExit', '--json', `--outputFile=${file}`];
  // Jest's own choice leaves one worker on a machine with two cores.
  if (!args.some((arg) => WORKERS.test(arg))) flags.push(`--maxWorkers=${Math.max(2, availableParallelism() - 1)}`);
  const node = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', join(ROOT, 'node_modules/jest/bin/jest.js')];
  try {
    const code = await runNode([...node, ...flags, ...args, '--selectProjects', ...projects]);
    return countsOf(existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as JestResults) : null, code);
  } finally {
    rmSync(dir, { recursive: true });
  }
};

/** Null: jest ended before it could write its results, for example when the servers did not start. */
export const countsOf = (results: JestResults | null, exitCode: number): Counts => {
  const { numPassedTests = 0, numFailedTests = 0, numPendingTests = 0, numTodoTests = 0, numRuntimeErrorTestSuites = 0 } = results ?? {};
  const failed = numFailedTests + numRuntimeErrorTestSuites;
  return { passed: numPassedTests, failed: failed === 0 && exitCode !== 0 ? 1 : failed, skipped: numPendingTests + numTodoTests };
};
