import project from './jest.preset.js';

const all = ['apps', 'libs', 'tools'];
const globs = (suffix) => all.flatMap((root) => [`<rootDir>/${root}/*/src/**/*.${suffix}.ts`, `<rootDir>/${root}/*/test/**/*.${suffix}.ts`]);

export default {
  // unit: nothing outside the process. db and e2e: Postgres and Redis that globalSetup starts.
  projects: [
    project('unit', [...globs('spec'), ...globs('db.spec').map((g) => `!${g}`), ...globs('e2e-spec').map((g) => `!${g}`)]),
    { ...project('db', globs('db.spec')), globalSetup: '<rootDir>/libs/testing/jest-global-setup.mjs', globalTeardown: '<rootDir>/libs/testing/jest-global-teardown.mjs' },
    { ...project('e2e', globs('e2e-spec')), globalSetup: '<rootDir>/libs/testing/jest-global-setup.mjs', globalTeardown: '<rootDir>/libs/testing/jest-global-teardown.mjs' },
  ],
};
