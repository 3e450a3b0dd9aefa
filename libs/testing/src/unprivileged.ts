import { lstatSync, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { ServerError } from './server-error.js';

/** The user that Postgres runs as. */
export interface Account {
  uid: number;
  gid: number;
}

/**
 * Postgres refuses to run as root, so root runs it as the owner of the data, at first `nobody`. A user without an entry
 * in /etc/passwd will not do: initdb looks its name up. Null: run it as ourselves.
 */
export const postgresAccount = (dataDir: string): Account | null => {
  if (process.getuid?.() !== 0) return null;
  const data = statSync(dataDir, { throwIfNoEntry: false });
  if (data && data.uid !== 0) return { uid: data.uid, gid: data.gid };
  for (const name of ['nobody', 'postgres']) {
    const [, , uid, gid] = passwd().find(([entry]) => entry === name) ?? [];
    if (uid && gid && Number(uid) > 0) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new ServerError(
    'Postgres does not run as root, and this machine has no user `nobody` to run it as: start as an ordinary user, or set DATABASE_URL.',
  );
};

const passwd = (): string[][] =>
  readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));

export const canRun = (account: Account | null, file: string): boolean => account === null || (lstatSync(file).mode & 0o001) !== 0;

/** May `account` enter every directory above `path`? */
export const canReach = (account: Account | null, path: string): boolean => {
  if (account === null) return true;
  for (let dir = dirname(resolve(path)); ; dir = dirname(dir)) {
    const { mode, uid, gid } = lstatSync(dir);
    const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (dir === dirname(dir)) return true;
  }
};
