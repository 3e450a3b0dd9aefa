import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { dirname } from 'node:path';
import pg from 'pg';
import { isPortFree } from './free-port.js';
import { postgresBinaries, type PostgresBinaries } from './postgres-binaries.js';
import { openData, SERVER_ENV } from './postgres-data.js';
import { diskFull, ServerError } from './server-error.js';
import { endLeftovers, exitWithin, hasExited, openLog, stopProcess, type RunningServer, type StopSignals } from './server-process.js';
import { postgresAccount, type Account } from './unprivileged.js';

/** Fast shutdown, immediate shutdown (recovers at the next start), and only then by force. */
export const POSTGRES_STOP: StopSignals = [
  ['SIGINT', 10_000],
  ['SIGQUIT', 5_000],
  ['SIGKILL', 5_000],
];

export interface PostgresOptions {
  dataDir: string;
  port: number;
  /** Made if it is missing; `url` points to it. */
  database?: string;
  /** Default: `<dataDir>.log`. */
  logFile?: string;
  /** Server settings beyond ours (postgresql.conf names). */
  settings?: Readonly<Record<string, string>>;
  say?: (line: string) => void;
  /** Told of the server's process as soon as there is one, long before it accepts connections. */
  onSpawn?: (process: ChildProcess) => void;
  signal?: AbortSignal;
}

export interface RunningPostgres extends RunningServer {
  /** Where the data really is; differs from the option where `nobody` could not reach that. */
  dataDir: string;
}

/** Durable, loopback only, no socket file; sized for a laptop that runs the nine apps besides. */
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '128MB',
  fsync: 'on',
  synchronous_commit: 'on',
  max_wal_size: '1GB',
  checkpoint_timeout: '15min',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

/** Recovery after kill -9 replays at most `max_wal_size`. */
const READY_TIMEOUT_MS = 120_000;
const STILL_IN_USE = /pre-existing shared memory block|lock file "postmaster.pid" already exists/;

/**
 * Starts a Postgres of our own on 127.0.0.1 and resolves when it accepts connections. The caller must be the only one who
 * uses `dataDir`: what an earlier, killed run left behind in it is ended first. Throws `ServerError`.
 */
export const startPostgres = async (options: PostgresOptions): Promise<RunningPostgres> => {
  const { dataDir, port, database = 'postgres', logFile = `${dataDir}.log`, signal, say = () => undefined } = options;
  const account = postgresAccount(dataDir);
  const binaries = await postgresBinaries(account);
  const { dir, password } = await openData({ dataDir, account, binaries, logFile, say, signal });
  const url = (name: string): string => `postgres://postgres:${password}@127.0.0.1:${port}/${name}`;
  const child = await launch(binaries, account, dir, logFile, url('postgres'), options);
  const stop = (): Promise<void> => stopProcess(child, POSTGRES_STOP);
  try {
    await ensureDatabase(url('postgres'), database);
  } catch (error) {
    await stop();
    throw diskFull(String(error), dir) ?? error;
  }
  return { url: url(database), pid: child.pid!, process: child, stop, dataDir: dir };
};

const launch = async (
  { postgres }: PostgresBinaries,
  account: Account | null,
  dir: string,
  logFile: string,
  url: string,
  { port, settings, onSpawn, signal }: PostgresOptions,
): Promise<ChildProcess> => {
  const flags = Object.entries({ ...SETTINGS, ...settings, port: String(port) }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const end = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    signal?.throwIfAborted();
    // A killed postmaster's backends end by themselves, unless they are deep in a query; until then memory stays locked.
    await endLeftovers(
      dir,
      ['postgres'],
      [
        ['SIGINT', 3_000],
        ['SIGQUIT', 2_000],
        ['SIGKILL', 5_000],
      ],
    );
    if (!(await isPortFree(port))) throw portInUse(port);
    const log = openLog(logFile);
    const child = spawn(postgres, ['-D', dir, ...flags], {
      cwd: dir,
      env: SERVER_ENV,
      // Ctrl-C in a terminal reaches the whole process group; the order of stopping is the caller's to decide.
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      ...account,
    });
    child.on('error', () => undefined);
    const abort = (): void => void stopProcess(child, POSTGRES_STOP);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      if (child.pid !== undefined) onSpawn?.(child);
      if (await accepts(url, child, end)) return child;
      signal?.throwIfAborted();
      const said = log.tail().trim();
      if (!hasExited(child) && child.pid !== undefined) {
        await stopProcess(child, POSTGRES_STOP);
        throw new ServerError(`Postgres did not accept connections within ${READY_TIMEOUT_MS / 1000} s (log: ${logFile}):\n${said}`);
      }
      if (STILL_IN_USE.test(said) && Date.now() < end) {
        await sleep(300);
        continue;
      }
      throw explain(said, dir, port, logFile);
    } finally {
      signal?.removeEventListener('abort', abort);
      log.close();
    }
  }
};

const explain = (said: string, dir: string, port: number, logFile: string): ServerError => {
  if (/could not bind .*: Address already in use/.test(said)) return portInUse(port);
  return diskFull(said, dirname(dir)) ?? new ServerError(`Postgres stopped while it started (log: ${logFile}):\n${said || '(no output)'}`);
};

const portInUse = (port: number): ServerError => new ServerError(`Port ${port}, which Postgres wants, is in use by another program.`);

/** False when the server is gone or the time is up. */
const accepts = async (url: string, child: ChildProcess, end: number): Promise<boolean> => {
  for (; Date.now() < end && !hasExited(child); await exitWithin(child, 30)) {
    if (await answers(url)) return !hasExited(child);
  }
  return false;
};

const answers = async (url: string): Promise<boolean> => {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
};

const ensureDatabase = async (adminUrl: string, name: string): Promise<void> => {
  if (name === 'postgres') return;
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [name]);
    if (rowCount === 0) await client.query(`create database ${pg.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
};
