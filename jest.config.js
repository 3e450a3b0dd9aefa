import project from './jest.preset.js';

const roots = ['apps', 'libs', 'tools'].flatMap((root) => [`<rootDir>/${root}/*/src/**`, `<rootDir>/${root}/*/test/**`]);
const files = (name) => roots.map((root) => `${root}/${name}`);

/** A project with Postgres and Redis, which the setup file starts once for all projects that name it. */
const served = (displayName, name, setup) => ({
  ...project(displayName, files(name)),
  globalSetup: `<rootDir>/${setup}-global-setup.mjs`,
  globalTeardown: `<rootDir>/${setup}-global-teardown.mjs`,
});

export default {
  // Servers start in seconds on a busy machine; journeys get more (tools/local/src/test.ts).
  testTimeout: 30_000,
  projects: [
    // Nothing outside the process.
    project('unit', files('!(*.db).spec.ts')),
    // Postgres and Redis.
    served('db', '*.db.spec.ts', 'libs/testing/jest'),
    served('e2e', '*.e2e-spec.ts', 'libs/testing/jest'),
    // A whole system, as npm start runs it.
    served('journey', '*.journey-spec.ts', 'tools/local/journey'),
  ],
};
