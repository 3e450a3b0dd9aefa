/** A server could not be started. The message is a whole sentence for the person at the keyboard, way out included. */
export class ServerError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ServerError';
  }
}

/** What a full disk says in any of the languages we hear it in: errno, Postgres, pip, apt. */
const DISK_FULL = /ENOSPC|EDQUOT|No space left on device|Disk quota exceeded|disk is full/i;

/** `text` is an error message or a log; `dir` is where the writing happened. */
export const diskFull = (text: string, dir: string): ServerError | null =>
  DISK_FULL.test(text)
    ? new ServerError(`The disk that holds ${dir} is full. Free some space there (about 200 MB) and start again: the data is kept.`)
    : null;
