import { parseArgs } from 'node:util';

export interface ChaosOptions {
  seconds: number;
  /** Texts a second, over all phones. */
  rate: number;
  seed: number;
  killEverySeconds: number;
  /** Phones that text at the same time; each is replaced by another after a dozen texts. */
  phones: number;
  /** Kept afterwards; null: a temporary one, kept only when something was found. */
  home: string | null;
  /** Who is killed, in turn. Default: every process of the run but the twin, and the agents. */
  victims: readonly string[] | null;
  say: (line: string) => void;
  signal?: AbortSignal;
}

export const USAGE = `npm run chaos -- [options]

  --seconds <n>     how long texts are sent                      (default 120)
  --rate <n>        texts a second                               (default 30)
  --seed <n>        the same seed makes the same plan            (default: by the clock; it is printed)
  --kill-every <s>  a process is killed every so many seconds    (default 5)
  --phones <n>      phones that text at the same time            (default 6 for each text a second)
  --home <dir>      a new or empty directory for the run's data and logs, which is then kept
  --victims <list>  kill only these, by comma                    (default: all processes, and the agents)
  --help            this text

The last line is one line of JSON. Exit code 1 when a text was lost, answered twice, out of order or too late, when a
killed adapter's turn took more than 8 s, or when the database holds something that it must not.`;

export class UsageError extends Error {}

/** Null: help was asked for. Throws `UsageError`. */
export const readOptions = (argv: readonly string[], say: ChaosOptions['say']): ChaosOptions | null => {
  const text = { type: 'string' } as const;
  const options = {
    seconds: text,
    rate: text,
    seed: text,
    'kill-every': text,
    phones: text,
    home: text,
    victims: text,
    help: { type: 'boolean' },
  } as const;
  const { values } = parse(() => parseArgs({ args: [...argv], options }));
  if (values.help) return null;
  const rate = number('rate', values.rate, 30, 0.1, 500);
  return {
    seconds: number('seconds', values.seconds, 120, 1, 7_200),
    rate,
    seed: number('seed', values.seed, Math.floor(Date.now() / 1_000) % 1_000_000, 0, 2 ** 31),
    killEverySeconds: number('kill-every', values['kill-every'], 5, 0.5, 7_200),
    phones: number('phones', values.phones, phonesFor(rate), 1, 10_000),
    home: values.home ?? null,
    victims: values.victims?.split(',') ?? null,
    say,
  };
};

/** A phone then sends a text every 6 s: far from the loop breaker (20 of our replies in a row, each within 30 s). */
export const phonesFor = (rate: number): number => Math.ceil(Math.max(10, rate * 6));

const parse = <T>(read: () => T): T => {
  try {
    return read();
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
};

const number = (name: string, value: string | undefined, fallback: number, least: number, most: number): number => {
  const parsed = value === undefined ? fallback : Number(value);
  if (!(parsed >= least && parsed <= most)) throw new UsageError(`--${name} must be a number from ${least} to ${most}`);
  return parsed;
};
