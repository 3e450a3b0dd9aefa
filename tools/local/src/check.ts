import { join } from 'node:path';
import { checkBoundaries } from './boundaries/check.js';
import { explain } from './failure.js';
import { runJest } from './jest-run.js';
import { ROOT } from './settings.js';
import { runNode } from './steps.js';

const SOURCES = ['apps', 'libs', 'tools', 'jest.config.js', 'jest.preset.js', 'jest.setup.js'];
const isFix = process.argv.includes('--fix');

const bin = (path: string): string => join(ROOT, 'node_modules', path);
const program =
  (path: string, ...args: string[]): (() => Promise<boolean>) =>
  async () =>
    (await runNode([bin(path), ...args])) === 0;

const STEPS: readonly (readonly [name: string, step: () => Promise<boolean>])[] = [
  ['format', program('prettier/bin/prettier.cjs', ...(isFix ? ['--write', '--log-level=warn'] : ['--check']), ...SOURCES)],
  // Without the flag oxlint reads the configuration files of packages in node_modules.
  ['lint', program('oxlint/bin/oxlint', '--disable-nested-config', ...(isFix ? ['--fix'] : []), 'apps', 'libs', 'tools')],
  // Sources and the specs beside them were just built; this is for those under test/.
  ['types', program('typescript/bin/tsc', '-p', join(ROOT, 'tools/local/tsconfig.tests.json'))],
  [
    'boundaries',
    async () => {
      const found = await checkBoundaries(ROOT);
      for (const fault of found) console.error(fault);
      return found.length === 0;
    },
  ],
  ['unit', async () => (await runJest(['unit'], [])).failed === 0],
];

const failed: string[] = [];
for (const [name, step] of STEPS) {
  const begin = Date.now();
  const isOk = await step().catch((error: unknown) => {
    console.error(explain(error, ROOT));
    return false;
  });
  console.log(`${isOk ? 'ok    ' : 'FAILED'} ${name} (${((Date.now() - begin) / 1000).toFixed(1)} s)`);
  if (!isOk) failed.push(name);
}
console.log(failed.length === 0 ? 'All is well.' : `Not yet: ${failed.join(', ')}.`);
process.exitCode = failed.length === 0 ? 0 : 1;
