import { checkBoundaries } from './boundaries/check.js';
import { explain } from './failure.js';
import { runJest, type Counts } from './jest-run.js';
import { ROOT } from './settings.js';

const FAST_SUITES = ['unit', 'db', 'e2e'];
const SUITES = [...FAST_SUITES, 'journey'];
const JOURNEY_FLAGS = ['--runInBand', '--testTimeout=120000'];

const main = async (args: readonly string[]): Promise<Counts[]> => {
  const firstOther = args.findIndex((arg) => !SUITES.includes(arg));
  const named = args.slice(0, firstOther < 0 ? args.length : firstOther);
  const rest = args.slice(named.length);
  // Arguments for jest select specs, and most of them no journey: a whole system is then started only by name.
  const suites = named.length > 0 ? named : rest.length > 0 ? FAST_SUITES : SUITES;
  const counts: Counts[] = [];
  const fast = FAST_SUITES.filter((suite) => suites.includes(suite));
  if (fast.length > 0) counts.push(await runJest(fast, rest));
  if (args.length === 0) counts.push(await boundaries());
  if (suites.includes('journey')) counts.push(await runJest(['journey'], [...JOURNEY_FLAGS, ...rest]));
  return counts;
};

/** Counts as one test. */
const boundaries = async (): Promise<Counts> => {
  const found = await checkBoundaries(ROOT);
  console.log(
    found.length === 0 ? 'The projects keep their boundaries.' : `Boundaries between projects are broken:\n  ${found.join('\n  ')}`,
  );
  return { passed: found.length === 0 ? 1 : 0, failed: found.length === 0 ? 0 : 1, skipped: 0 };
};

const counts = await main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(explain(error, ROOT));
  return [{ passed: 0, failed: 1, skipped: 0 }];
});
const sum = (kind: keyof Counts): number => counts.reduce((total, count) => total + count[kind], 0);
const [passed, failed, skipped] = [sum('passed'), sum('failed'), sum('skipped')];
if (passed + failed === 0) console.error('No test was run.');
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
