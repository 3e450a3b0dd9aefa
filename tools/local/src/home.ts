import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { ServerError } from '@darkspere/testing';

export interface Secrets {
  encryptionKeys: string;
  twinAccountSid: string;
  twinAuthToken: string;
}

/** The directory of one local system: its data, keys, logs and the record of its run. */
export class Home {
  readonly lock: string;
  readonly runFile: string;
  readonly adminKeyFile: string;
  readonly logs: string;

  constructor(readonly dir: string) {
    this.lock = join(dir, 'lock');
    this.runFile = join(dir, 'run.json');
    this.adminKeyFile = join(dir, 'admin-key');
    this.logs = join(dir, 'logs');
  }

  /** Makes it if need be, and finds out whether it can be written before anything depends on that. */
  open(): void {
    // 0711: `nobody`, as whom root runs Postgres, must be able to pass. The secrets themselves are 0600.
    if (makeDir(this.dir)) chmodSync(this.dir, 0o711);
    makeDir(this.logs);
    writeFileSync(join(this.dir, '.writable'), '');
    rmSync(join(this.dir, '.writable'));
  }

  log(name: string): string {
    return join(this.logs, `${name}.log`);
  }

  /** The logs of this run begin empty; those of the run before are kept beside them. */
  rotateLogs(): void {
    for (const name of this.#logNames()) renameSync(join(this.logs, name), join(this.logs, name.replace(/\.log$/, '.previous.log')));
  }

  /** Children write to their logs by themselves (appending), so a log that has grown too large is copied and emptied. */
  capLogs(maxBytes: number): void {
    for (const name of this.#logNames()) {
      const path = join(this.logs, name);
      if (statSync(path).size <= maxBytes) continue;
      copyFileSync(path, path.replace(/\.log$/, '.previous.log'));
      truncateSync(path);
    }
  }

  #logNames(): string[] {
    return readdirSync(this.logs).filter((name) => name.endsWith('.log') && !name.endsWith('.previous.log'));
  }

  /** The last lines of a part's log. */
  logTail(name: string, lines = 25): string {
    const path = this.log(name);
    return existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n').slice(-lines).join('\n') : '';
  }

  /** Made at the first start, mode 0600, and the same ever after. */
  secrets(): Secrets {
    const path = join(this.dir, 'secrets.json');
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    if (text.trim() === '') {
      const made = {
        encryptionKeys: `k1:${randomBytes(32).toString('base64')}`,
        twinAccountSid: `AC${randomBytes(16).toString('hex')}`,
        twinAuthToken: randomBytes(16).toString('hex'),
      };
      writePrivate(path, `${JSON.stringify(made, null, 2)}\n`);
      return made;
    }
    const kept = parse(text);
    if (typeof kept.encryptionKeys === 'string' && typeof kept.twinAccountSid === 'string' && typeof kept.twinAuthToken === 'string')
      return kept as Secrets;
    throw new ServerError(
      `${path} is damaged. Restore it, or remove it to have new keys made: what was encrypted with the old ones (carrier and agent credentials) can't be read any more then.`,
    );
  }
}

/** True if it was not there. (mkdir with `recursive` never returns where a parent can't be made, as in /proc.) */
const makeDir = (dir: string): boolean => {
  if (existsSync(dir)) return false;
  makeDir(dirname(dir));
  mkdirSync(dir);
  return true;
};

const parse = (text: string): Partial<Secrets> => {
  try {
    return (JSON.parse(text) as Partial<Secrets> | null) ?? {};
  } catch {
    return {};
  }
};

/** Complete or not at all, and nobody else's to read. */
export const writePrivate = (path: string, text: string): void => {
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}.new`;
  try {
    const fd = openSync(draft, 'w', 0o600);
    try {
      writeFileSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
};
