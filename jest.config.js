import project from './jest.preset.js';

const roots = ['apps', 'libs', 'tools'].flatMap((root) => [`<rootDir>/${root}/*/src/**`, `<rootDir>/${root}/*/test/**`]);
const files = (name) => roots.map((root) => `${root}/${name}`);

/** A project with Postgres and Redis, which the setup file starts once for all projects that name it. */
const served = (displayName, name, setup, testTimeout) => ({
  ...project(displayName, files(name)),
  globalSetup: `<rootDir>/${setup}-global-setup.mjs`,
  globalTeardown: `<rootDir>/${setup}-global-teardown.mjs`,
  testTimeout,
});

export default {
  projects: [
    // Nothing outside the process.
    project('unit', files('!(*.db).spec.ts')),
    // Postgres and Redis.
    served('db', '*.db.spec.ts', 'libs/testing/jest', 30_000),
    served('e2e', '*.e2e-spec.ts', 'libs/testing/jest', 30_000),
    // A whole system, as npm start runs it.
    served('journey', '*.journey-spec.ts', 'tools/local/journey', 120_000),
  ],
};
