import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, realpathSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { isPortFree } from './free-port.js';
import { redisBinary } from './redis-binary.js';
import { diskFull, ServerError } from './server-error.js';
import { endLeftovers, exitWithin, hasExited, openLog, stopProcess, type RunningServer, type StopSignals } from './server-process.js';

export const REDIS_STOP: StopSignals = [
  ['SIGTERM', 5_000],
  ['SIGKILL', 5_000],
];

export interface RedisOptions {
  /** Its working directory; nothing of value is kept there. */
  dir: string;
  port: number;
  /** A server that is known already; otherwise one is looked for. */
  binary?: string;
  /** Where a downloaded server is kept if node_modules can't be written. Default: `<dir>/bin`. */
  cacheDir?: string;
  /** Default: `<dir>.log`. */
  logFile?: string;
  say?: (line: string) => void;
  /** Told of the server's process as soon as there is one. */
  onSpawn?: (process: ChildProcess) => void;
  signal?: AbortSignal;
}

export interface RunningRedis extends RunningServer {
  binary: string;
}

/** Nothing is saved, on purpose: Redis is the doorbell and the cache, Postgres is the record. */
const SETTINGS = ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--maxmemory-policy', 'noeviction', '--daemonize', 'no'];
const READY_TIMEOUT_MS = 30_000;

/** Starts a Redis of our own on 127.0.0.1 and resolves when it answers PING. Throws `ServerError`. */
export const startRedis = async (options: RedisOptions): Promise<RunningRedis> => {
  const { dir, port, cacheDir = join(dir, 'bin'), logFile = `${dir}.log`, say = () => undefined, onSpawn, signal } = options;
  mkdirSync(dir, { recursive: true });
  const cwd = realpathSync(dir);
  const binary = options.binary ?? (process.env.TEST_REDIS_BIN || (await redisBinary({ cacheDir, say })));
  signal?.throwIfAborted();
  await endLeftovers(cwd, ['redis-server', 'valkey-server'], REDIS_STOP);
  if (!(await isPortFree(port))) throw portInUse(port);
  const log = openLog(logFile);
  const child = spawn(binary, ['--port', String(port), '--dir', cwd, ...SETTINGS], {
    cwd,
    // See startPostgres: Ctrl-C must not reach it.
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
  });
  child.on('error', () => undefined);
  const stop = (): Promise<void> => stopProcess(child, REDIS_STOP);
  const abort = (): void => void stop();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    if (child.pid !== undefined) onSpawn?.(child);
    if (await answers(port, child)) return { url: `redis://127.0.0.1:${port}`, pid: child.pid!, process: child, stop, binary };
    signal?.throwIfAborted();
    const said = log.tail().trim();
    await stop();
    if (/Address already in use/.test(said)) throw portInUse(port);
    throw diskFull(said, cwd) ?? new ServerError(`${binary} did not start (log: ${logFile}):\n${said || '(no output)'}`);
  } finally {
    signal?.removeEventListener('abort', abort);
    log.close();
  }
};

const portInUse = (port: number): ServerError => new ServerError(`Port ${port}, which Redis wants, is in use by another program.`);

const answers = async (port: number, child: ChildProcess): Promise<boolean> => {
  for (const end = Date.now() + READY_TIMEOUT_MS; Date.now() < end; await exitWithin(child, 20)) {
    if (hasExited(child) || child.pid === undefined) return false;
    if (await pings(port)) return !hasExited(child);
  }
  return false;
};

/** Does the server on 127.0.0.1:`port` answer PING within 2 s? */
export const pings = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 2_000 });
    const answer = (ok: boolean): void => {
      socket.destroy();
      resolve(ok);
    };
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', (data) => answer(data.toString().startsWith('+PONG')));
    socket.once('error', () => answer(false));
    socket.once('timeout', () => answer(false));
    socket.once('end', () => answer(false));
  });
