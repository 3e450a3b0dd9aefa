import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { freePort } from './free-port.js';
import { startPostgres, type PostgresOptions, type RunningPostgres } from './postgres.js';
import { exitOf } from './server-process.js';

describe('startPostgres', () => {
  let dir: string;
  let options: PostgresOptions;
  let server: RunningPostgres | undefined;
  const said: string[] = [];

  beforeAll(() => {
    dir = mkdtempSync(join(realpathSync(tmpdir()), 'darkspere-spec-'));
  });
  beforeEach(async () => {
    said.length = 0;
    options = { dataDir: join(dir, 'data'), port: await freePort(), database: 'spec', say: (line) => said.push(line) };
  });
  afterEach(() => server?.stop());
  afterAll(() => rmSync(dir, { recursive: true }));

  const start = async (more: Partial<PostgresOptions> = {}): Promise<RunningPostgres> =>
    (server = await startPostgres({ ...options, ...more }));
  const query = async (sql: string, url = server!.url): Promise<Record<string, unknown>[]> => {
    const client = new pg.Client({ connectionString: url });
    // A server that is killed ends the connection outside of any query.
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  };
  const messageOf = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'no error',
      (error: Error) => error.message,
    );

  it('is durable, listens on loopback only and asks for its password', async () => {
    const { url, pid } = await start();
    const [settings] =
      await query(`select current_setting('fsync') fsync, current_setting('synchronous_commit') commit, current_setting('listen_addresses') addresses,
      current_setting('max_connections') connections, current_setting('server_encoding') encoding, current_database() database`);
    expect(settings).toEqual({ fsync: 'on', commit: 'on', addresses: '127.0.0.1', connections: '200', encoding: 'UTF8', database: 'spec' });
    expect(pid).toBe(server!.process.pid);
    expect(await messageOf(query('select 1', url.replace(/:[^:@]+@/, ':wrong@')))).toMatch(/password authentication failed/);
    expect(statSync(options.dataDir).mode & 0o077).toBe(0);
  });

  it('keeps its data over a stop, and over a kill -9 what was committed', async () => {
    await start();
    await query('create table kept (n int)');
    await query('insert into kept values (1)');
    await server!.stop();
    await start();
    await query('insert into kept values (2)');
    const exit = exitOf(server!.process);
    process.kill(server!.pid, 'SIGKILL');
    await exit;
    expect(existsSync(join(options.dataDir, 'postmaster.pid'))).toBe(true);
    await start();
    expect(await query('select array_agg(n order by n) as all from kept')).toEqual([{ all: [1, 2] }]);
  });

  it('starts although a backend of a killed server is still at work', async () => {
    await start();
    const busy = query('select count(*) from generate_series(1, 1000000000)').catch(() => undefined);
    const untilBusy = async (): Promise<void> => {
      const [row] = await query(
        `select count(*)::int as n from pg_stat_activity where query like '%generate_series%' and state = 'active' and pid <> pg_backend_pid()`,
      );
      if (row!['n'] === 0) await untilBusy();
    };
    await untilBusy();
    const exit = exitOf(server!.process);
    process.kill(server!.pid, 'SIGKILL');
    await exit;
    await start();
    expect(await query('select 1 as one')).toEqual([{ one: 1 }]);
    await busy;
  });

  it('ends a server that a killed run left behind, and takes its place', async () => {
    const left = await start();
    const exit = exitOf(left.process);
    await start();
    await exit;
    expect(await query('select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('moves a half-made cluster away and makes a new one', async () => {
    const dataDir = join(dir, 'half-made');
    mkdirSync(dataDir);
    writeFileSync(join(dataDir, 'postgresql.conf'), '');
    await start({ dataDir });
    expect(said).toEqual([
      expect.stringMatching(/held no complete database\. It was moved to .*half-made\.incomplete-\d{14} and a new one is made\.$/),
    ]);
    expect(readdirSync(dir).filter((name) => name.includes('incomplete'))).toHaveLength(1);
  });

  it('leaves nothing where it was interrupted while it made the cluster', async () => {
    const dataDir = join(dir, 'interrupted');
    const interrupt = new AbortController();
    const starting = messageOf(startPostgres({ ...options, dataDir, signal: interrupt.signal }));
    const untilBegun = async (): Promise<void> => {
      await new Promise(setImmediate);
      if (!existsSync(`${dataDir}.new`)) await untilBegun();
    };
    await untilBegun();
    interrupt.abort();
    expect(await starting).not.toBe('no error');
    expect(readdirSync(dir).filter((name) => name.startsWith('interrupted'))).toEqual(['interrupted.log']);
  });

  it('sets a new password when the file with the old one is lost', async () => {
    const { url } = await start();
    await server!.stop();
    rmSync(join(server!.dataDir, 'darkspere-password'));
    await start();
    expect(server!.url).not.toBe(url);
    expect(await query('select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('refuses data of another major version with a sentence', async () => {
    await start();
    await server!.stop();
    const file = join(server!.dataDir, 'PG_VERSION');
    const version = readFileSync(file);
    writeFileSync(file, '17\n');
    const message = await messageOf(startPostgres(options));
    writeFileSync(file, version);
    expect(message).toMatch(/was made by Postgres 17, and this is Postgres 18, which can't read it\. Move it away/);
  });

  it('says which port is in use', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(options.port, '127.0.0.1', resolve));
    expect(await messageOf(startPostgres(options))).toBe(`Port ${options.port}, which Postgres wants, is in use by another program.`);
    other.close();
  });
});
