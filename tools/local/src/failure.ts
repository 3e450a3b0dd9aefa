import { diskFull, ServerError } from '@darkspere/testing';

/** One sentence for what a person can mend; the stack for what only we can. */
export const explain = (error: unknown, dir: string): string => {
  if (error instanceof ServerError) return error.message;
  const { code, path, message } = error as NodeJS.ErrnoException;
  const full = diskFull(`${code} ${message}`, dir);
  if (full) return full.message;
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return `${path ?? dir} can't be used by this user (${code}). Start as the user that owns it, or choose another place with DARKSPERE_HOME.`;
  }
  if (code === 'ENOTDIR' || code === 'EEXIST' || code === 'ENOENT')
    return `${path ?? dir} is not a directory, and none can be made there: choose another place with DARKSPERE_HOME.`;
  return error instanceof Error ? (error.stack ?? message) : String(error);
};
