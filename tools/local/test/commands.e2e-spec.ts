import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { processStart } from '../file-lock.mjs';
import { APP_PORTS } from '../src/settings.js';

const LOCAL = fileURLToPath(new URL('..', import.meta.url));

describe('the commands', () => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'darkspere-commands-'));
  });
  afterEach(() => rmSync(home, { recursive: true }));

  const node = (script: string, args: string[], more: Record<string, string> = {}): { code: number | null; out: string; err: string } => {
    const env = { ...process.env, NODE_OPTIONS: '', DARKSPERE_HOME: home, ...more };
    const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], { env, encoding: 'utf8' });
    return { code: status, out: stdout, err: stderr };
  };
  const entry = (...args: string[]) => node(join(LOCAL, 'start.mjs'), args);
  const start = (more?: Record<string, string>) => node(join(LOCAL, 'dist/start.js'), [], more);

  it('are named when there is no such command', () => {
    expect(entry('strat')).toMatchObject({ code: 2, err: expect.stringMatching(/There is no command strat[^]*npm start/) });
  });

  it.each(['start', 'stop', 'status', 'text', 'test', 'check', 'races', 'bench', 'chaos'])(
    '%s explains itself and does nothing else',
    (name) => {
      const { code, out } = entry(name, '--help');
      expect(code).toBe(0);
      expect(out).toMatch(new RegExp(`^npm (run )?${name}`));
    },
  );

  it('status says with exit code 3 that nothing runs, and stop that there was nothing to end', () => {
    expect(entry('status')).toEqual({ code: 3, out: '', err: `Nothing is running here (${home}): npm start starts it.\n` });
    expect(entry('status', '--json')).toMatchObject({ code: 3, out: '[]\n' });
    expect(entry('stop')).toMatchObject({ code: 0, out: `Nothing is running here (${home}).\n` });
  });

  it('a second start names the first and the way to end it', () => {
    writeFileSync(join(home, 'lock'), JSON.stringify({ pid: process.pid, started: processStart(process.pid) }));
    expect(start()).toMatchObject({
      code: 1,
      err: `DarkSpere already runs here (pid ${process.pid}, ${home}). npm run status shows it, npm stop ends it.\n`,
    });
  });

  it('a port in use is named with who wants it and the way out, and nothing is left running', async () => {
    const [offset, busy] = [30_000, 30_000 + APP_PORTS.billing];
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(busy, '127.0.0.1', resolve));
    const { code, err } = start({ DARKSPERE_PORT_OFFSET: String(offset) });
    other.close();
    expect(code).toBe(1);
    expect(err).toContain(`Port ${busy}, which billing needs, is in use by another program.\n`);
    expect(err).toContain('DARKSPERE_PORT_OFFSET=');
    expect(entry('status').code).toBe(3);
  });

  it('a server address that is set but empty is refused before anything starts', () => {
    expect(start({ REDIS_URL: '' })).toMatchObject({ code: 1, err: expect.stringMatching(/^REDIS_URL is set but empty/) });
  });
});

describe('lock-fill', () => {
  const dir = mkdtempSync(join(tmpdir(), 'darkspere-lock-fill-'));
  const file = join(dir, 'package-lock.json');
  afterAll(() => rmSync(dir, { recursive: true }));

  const fill = (): { out: string; packages: Record<string, unknown> } => {
    const { stdout } = spawnSync(process.execPath, [join(LOCAL, '../lock-fill.mjs'), file], { encoding: 'utf8' });
    return { out: stdout, packages: (JSON.parse(readFileSync(file, 'utf8')) as { packages: Record<string, unknown> }).packages };
  };

  it('adds the optional platform packages that the lock lacks, once', () => {
    const optionalDependencies = { '@x/tool-darwin-arm64': '1.2.3', '@x/tool-linux-x64-musl': '1.2.3', '@x/tool-linux-x64-gnu': '1.2.3' };
    const packages = {
      '': { name: 'root' },
      'node_modules/@x/tool': { version: '1.2.3', dev: true, optionalDependencies },
      'node_modules/@x/tool-linux-x64-gnu': { version: '1.2.3', optional: true },
    };
    writeFileSync(file, JSON.stringify({ packages }));
    const first = fill();
    expect(first.out).toContain('2 optional packages added');
    expect(first.packages['node_modules/@x/tool-darwin-arm64']).toEqual({
      version: '1.2.3',
      cpu: ['arm64'],
      os: ['darwin'],
      dev: true,
      optional: true,
    });
    expect(first.packages['node_modules/@x/tool-linux-x64-musl']).toMatchObject({ cpu: ['x64'], os: ['linux'], libc: ['musl'] });
    expect(first.packages).toMatchObject(packages);
    expect(fill()).toEqual({ out: expect.stringContaining('nothing to add'), packages: first.packages });
  });
});
