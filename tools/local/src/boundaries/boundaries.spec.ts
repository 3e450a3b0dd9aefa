import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { violations } from './rules.js';
import { importsOf, readWorkspace } from './workspace.js';

describe('boundaries', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'darkspere-boundaries-'));
    write('package.json', '{"name":"root","devDependencies":{"supertest":"1"}}');
    project('libs/domain');
    project('libs/contracts', ['zod', '@x/domain']);
    project('libs/platform', ['@x/contracts']);
    project('libs/testing', ['pg']);
    project('apps/sms-gateway', ['@x/platform', '@x/contracts', 'twilio']);
    project('apps/billing', ['@x/platform']);
    project('tools/twin', ['twilio']);
    write('libs/contracts/src/a.ts', "import { z } from 'zod';\nimport type { T } from '@x/domain';\nexport * from './b.js';");
    write('apps/sms-gateway/src/a.ts', "import twilio from 'twilio';\nimport { p } from '@x/platform';\nimport fs from 'node:fs';");
    write('apps/sms-gateway/src/a.spec.ts', "import request from 'supertest';");
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  const project = (path: string, dependencies: string[] = []): void =>
    write(
      `${path}/package.json`,
      JSON.stringify({ name: `@x/${path.split('/')[1]}`, dependencies: Object.fromEntries(dependencies.map((name) => [name, '*'])) }),
    );
  const found = (): string[] => violations(readWorkspace(root));

  it('finds nothing in a workspace that keeps them', () => {
    expect(found()).toEqual([]);
  });

  it.each([
    ['an app that imports an app', 'apps/billing/src/a.ts', "import '@x/sms-gateway';", 'imports the app apps/sms-gateway'],
    ['a way into another project', 'apps/billing/src/a.ts', "import '../../sms-gateway/src/a.js';", 'reaches into another project'],
    ['a rule with a library', 'libs/domain/src/a.ts', "import { z } from 'zod';", 'domain imports nothing'],
    ['a rule that reads files', 'libs/domain/src/a.ts', "import { readFileSync } from 'node:fs';", 'is pure and imports node:fs'],
    ['a contract that knows the platform', 'libs/contracts/src/a.ts', "import '@x/platform';", 'contracts imports only zod and domain'],
    ['a contract with a library', 'libs/contracts/src/a.ts', "import 'rxjs';", 'contracts imports only zod and domain'],
    [
      'Twilio outside the gateway',
      'apps/billing/src/a.ts',
      "import twilio from 'twilio';",
      'uses twilio, which is for apps/sms-gateway only',
    ],
    [
      'Stripe outside billing',
      'libs/platform/src/a.ts',
      "const s = await import('stripe');",
      'uses stripe, which is for apps/billing only',
    ],
    [
      'the MCP SDK outside its two places',
      'apps/billing/src/a.ts',
      "import { S } from '@modelcontextprotocol/server/x';",
      'uses @modelcontextprotocol/server',
    ],
    [
      'a dependency that is not declared',
      'apps/billing/src/a.ts',
      "import type { P } from 'pg';",
      'imports pg, which apps/billing/package.json does not declare',
    ],
    ['a test tool in the product', 'apps/billing/src/a.ts', "import request from 'supertest';", 'imports supertest, which'],
    ['test servers in the product', 'apps/billing/src/a.ts', "export { x } from '@x/testing';", 'which is for tests and tools'],
    ['a tool in the product', 'apps/billing/src/a.ts', "import '@x/twin';", 'imports the tool tools/twin'],
  ])('finds %s', (_, file, text, sentence) => {
    write(file, text);
    expect(found().join('\n')).toContain(sentence);
    expect(found().join('\n')).toContain(dirname(dirname(file)));
  });

  it('finds a vendor that is declared where nobody may use it', () => {
    project('apps/billing', ['twilio']);
    expect(found()).toEqual(['apps/billing/package.json uses twilio, which is for apps/sms-gateway only']);
  });

  it('finds a circle', () => {
    project('libs/transport', ['@x/platform']);
    project('libs/platform', ['@x/transport']);
    expect(found()).toEqual(['the projects depend on each other in a circle: libs/platform → libs/transport → libs/platform']);
  });

  it('finds what only another tool sees', () => {
    expect(violations(readWorkspace(root), [['apps/billing', 'apps/sms-gateway']])).toEqual([
      'apps/billing imports the app apps/sms-gateway: apps talk through contracts',
    ]);
  });

  it('lets a test use the test servers and what the root declares for tests', () => {
    write(
      'apps/billing/package.json',
      JSON.stringify({ name: '@x/billing', dependencies: { '@x/platform': '*' }, devDependencies: { '@x/testing': '*' } }),
    );
    write('apps/billing/test/a.e2e-spec.ts', "import '@x/testing';\nimport 'supertest';");
    expect(found()).toEqual([]);
  });
});

describe('importsOf', () => {
  it('sees every form of import and nothing in comments and strings', () => {
    const source = `import a, { type B } from 'a';
      import 'b';
      export type { C } from "c";
      export * from 'd';
      const e = await import('e'), f = require('f');
      // import 'no'
      /* import 'no' */
      const url = 'http://x'; const glob = '**/*'; import g from 'g';
      const text = \`import 'no'\`; const quoted = "import 'no'";
      import {
        h,
      } from 'h';`;
    expect(importsOf(source)).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']);
  });
});
