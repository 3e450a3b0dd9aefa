import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { PostgresBinaries } from './postgres-binaries.js';
import { diskFull, ServerError } from './server-error.js';
import { endLeftovers, exitOf, openLog } from './server-process.js';
import { canReach, type Account } from './unprivileged.js';

export interface DataRequest {
  dataDir: string;
  account: Account | null;
  binaries: PostgresBinaries;
  logFile: string;
  /** Told what the person should know: data moved away, made anew. */
  say: (line: string) => void;
  signal: AbortSignal | undefined;
}

/** initdb and the server run in an environment of their own: PGDATA, PGPORT or a locale of the caller must not leak in. */
export const SERVER_ENV = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

const PASSWORD_FILE = 'darkspere-password';

/**
 * A complete cluster of our version, made if there is none, and the password of its user `postgres`. The password lives
 * in the cluster's own directory (mode 0600): it goes where the data goes.
 */
export const openData = async (request: DataRequest): Promise<{ dir: string; password: string }> => {
  const dir = placeOf(request);
  if (!isCluster(dir)) {
    setAside(dir, request.say);
    await initialise(dir, request);
  }
  checkVersion(dir, request.binaries);
  if (!existsSync(join(dir, PASSWORD_FILE))) await resetPassword(dir, request);
  return { dir, password: readFileSync(join(dir, PASSWORD_FILE), 'utf8').trim() };
};

/** initdb works under another name, so a cluster that it has finished has both files. */
const isCluster = (dir: string): boolean => existsSync(join(dir, 'PG_VERSION')) && existsSync(join(dir, 'global', 'pg_control'));

/** `dataDir`, or what it links to: root's data lies elsewhere when `nobody` can't enter the directories above it. */
const placeOf = ({ dataDir, account, say }: DataRequest): string => {
  if (lstatSync(dataDir, { throwIfNoEntry: false })?.isSymbolicLink()) {
    if (existsSync(dataDir)) return realpathSync(dataDir);
    say(`${dataDir} points to ${readlinkSync(dataDir)}, which is gone: a new database is made.`);
    unlinkSync(dataDir);
  }
  mkdirSync(dirname(dataDir), { recursive: true });
  const here = join(realpathSync(dirname(dataDir)), basename(dataDir));
  if (canReach(account, here)) return here;
  if (openTemporary(here) && canReach(account, here)) return here;
  if (isCluster(here)) {
    throw new ServerError(
      `Postgres does not run as root, and the owner of ${here} (uid ${account?.uid}) can't enter the directories above it. Start as that user, or move the data.`,
    );
  }
  setAside(here, say);
  rmSync(here, { recursive: true, force: true });
  const elsewhere = newDirForAll();
  symlinkSync(elsewhere, here);
  return elsewhere;
};

/** mkdtemp makes directories that only we can pass; for data that is temporary anyway they are opened instead. */
const openTemporary = (path: string): boolean => {
  const root = realpathSync(tmpdir());
  if (!path.startsWith(`${root}/`)) return false;
  for (let dir = dirname(path); dir !== root; dir = dirname(dir)) chmodSync(dir, statSync(dir).mode | 0o011);
  return true;
};

/** An empty directory that outlives a reboot (so not in /tmp) and that any user may reach. */
const newDirForAll = (): string => {
  try {
    mkdirSync('/var/lib/darkspere', { recursive: true, mode: 0o755 });
    return mkdtempSync('/var/lib/darkspere/postgres-');
  } catch {
    return mkdtempSync('/var/tmp/darkspere-postgres-');
  }
};

/** Whatever is not a complete cluster is kept, under another name: it is not ours to judge. */
const setAside = (dir: string, say: (line: string) => void): void => {
  if (!existsSync(dir) || readdirSync(dir).length === 0) return;
  const aside = `${dir}.incomplete-${new Date().toISOString().replace(/\D/g, '').slice(0, 14)}`;
  renameSync(dir, aside);
  say(`${dir} held no complete database. It was moved to ${aside} and a new one is made.`);
};

/** Postgres looks its own user up, and says of one without an entry only that it could not. */
const mustHaveName = (): void => {
  try {
    userInfo();
  } catch {
    throw new ServerError(
      `Postgres cannot run as user ${process.getuid?.()}, who has no entry in /etc/passwd: run as a user who has one, or set DATABASE_URL.`,
    );
  }
};

const initialise = async (dir: string, request: DataRequest): Promise<void> => {
  const { account, binaries } = request;
  if (!account) mustHaveName();
  const draft = `${dir}.new`;
  await endLeftovers(draft, ['initdb', 'postgres'], [['SIGKILL', 5_000]]);
  const passwordFile = `${draft}-password`;
  try {
    rmSync(draft, { recursive: true, force: true });
    mkdirSync(draft, { mode: 0o700 });
    writeFileSync(passwordFile, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 });
    if (account) for (const path of [draft, passwordFile]) chownSync(path, account.uid, account.gid);
    // The builtin provider sorts and folds case alike on every operating system.
    const locale = ['--encoding=UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--no-locale'];
    const access = ['--username=postgres', '--auth=scram-sha-256', `--pwfile=${passwordFile}`];
    await run(binaries.initdb, ['-D', draft, ...locale, ...access], draft, request);
    renameSync(passwordFile, join(draft, PASSWORD_FILE));
    if (existsSync(dir)) rmSync(dir, { recursive: true });
    renameSync(draft, dir);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    rmSync(passwordFile, { force: true });
    throw diskFull(String(error), dirname(dir)) ?? error;
  }
};

const checkVersion = (dir: string, { version }: PostgresBinaries): void => {
  const found = readFileSync(join(dir, 'PG_VERSION'), 'utf8').trim();
  if (found === version) return;
  throw new ServerError(
    `The database in ${dir} was made by Postgres ${found}, and this is Postgres ${version}, which can't read it. Move it away (a new one is made) or choose another DARKSPERE_HOME.`,
  );
};

/** The file with the password was deleted: a server in single-user mode asks for none, so a new one can be set. */
const resetPassword = async (dir: string, request: DataRequest): Promise<void> => {
  const password = randomBytes(24).toString('base64url');
  const statement = `alter user postgres password '${password}';\n`;
  await run(request.binaries.postgres, ['--single', '-D', dir, 'postgres'], dir, request, statement);
  const draft = join(dir, `${PASSWORD_FILE}.new`);
  writeFileSync(draft, `${password}\n`, { mode: 0o600 });
  if (request.account) chownSync(draft, request.account.uid, request.account.gid);
  renameSync(draft, join(dir, PASSWORD_FILE));
};

const run = async (file: string, args: string[], cwd: string, request: DataRequest, input = ''): Promise<void> => {
  const log = openLog(request.logFile);
  try {
    const child = spawn(file, args, {
      cwd,
      env: SERVER_ENV,
      detached: true,
      stdio: ['pipe', log.fd, log.fd],
      ...request.account,
      ...(request.signal && { signal: request.signal, killSignal: 'SIGKILL' as const }),
    });
    let failure: Error | undefined;
    child.on('error', (error) => (failure = error));
    child.stdin!.on('error', () => undefined).end(input);
    await exitOf(child);
    if (failure || child.exitCode !== 0) {
      const why = failure?.message ?? log.tail().trim();
      throw (
        diskFull(why, dirname(cwd)) ??
        new ServerError(`${basename(file)} failed in ${cwd} (log: ${request.logFile}):\n${why}`, { cause: failure })
      );
    }
  } finally {
    log.close();
  }
};
