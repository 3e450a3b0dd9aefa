import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { parseArgs } from 'node:util';
import type { InboxMessage } from './inbox.js';
import { notRunning, Phone, PhoneError } from './phone.js';

const USAGE = `A phone in the terminal: text DarkSpere without a carrier.

  npm run text                        a conversation; Ctrl-D leaves it
  npm run text -- "Hello"             one text; prints the answer and ends
  printf 'Hi\\nAnd?\\n' | npm run text  each line is a text and waits for its answer

  --from <number>     the phone's number   (default +15557770001)
  --to <number>       the number to text   (default +15550001000)
  --timeout <seconds> wait for an answer   (default 60)
  --twin <url>        the twin to use      (default: TWIN_URL, else the one that npm start runs)
  --help              this text
`;

export interface Terminal {
  stdin: Readable & { isTTY?: boolean };
  stdout: Writable;
  stderr: Writable;
  env: NodeJS.ProcessEnv;
}

/** `npm run text`. Returns the exit code: 0, or 1 when something was not sent or not answered. */
export const textCommand = async (argv: readonly string[], terminal: Terminal): Promise<number> => {
  try {
    return await run(argv, terminal);
  } catch (error) {
    if (!isForPeople(error)) throw error;
    terminal.stderr.write(`${error.message}\n`);
    return 1;
  }
};

/** A phone, a WhatsApp user or a short code. */
const ADDRESS = /^(whatsapp:)?\+?[0-9]{3,15}$/;

const isForPeople = (error: unknown): error is Error =>
  error instanceof PhoneError || (error as { code?: string } | null)?.code?.startsWith('ERR_PARSE_ARGS') === true;

const run = async (argv: readonly string[], terminal: Terminal): Promise<number> => {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      from: { type: 'string', default: '+15557770001' },
      to: { type: 'string', default: '+15550001000' },
      twin: { type: 'string' },
      timeout: { type: 'string', default: '60' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    terminal.stdout.write(USAGE);
    return 0;
  }
  const timeoutMs = Number(values.timeout) * 1_000;
  if (!(timeoutMs > 0)) throw new PhoneError('--timeout is a number of seconds');
  for (const option of ['from', 'to'] as const) {
    if (!ADDRESS.test(values[option])) throw new PhoneError(`--${option} is a phone number such as +15557770001, or a short code`);
  }
  const twinUrl = values.twin ?? terminal.env['TWIN_URL'] ?? (await runningTwin(terminal.env));
  if (!URL.canParse(twinUrl)) throw new PhoneError(`${twinUrl} is not a URL`);
  const phone = new Phone(twinUrl, values.from, values.to);
  if (positionals.length > 0) return askAll(phone, [positionals.join(' ')], timeoutMs, terminal);
  return terminal.stdin.isTTY ? converse(phone, values, terminal) : askAll(phone, createInterface(terminal.stdin), timeoutMs, terminal);
};

/** `npm start` writes down where its parts are. */
const runningTwin = async (env: NodeJS.ProcessEnv): Promise<string> => {
  const path = join(env['DARKSPERE_HOME'] ?? '.darkspere', 'run.json');
  try {
    const { twinUrl } = JSON.parse(await readFile(path, 'utf8')) as { twinUrl?: unknown };
    if (typeof twinUrl === 'string') return twinUrl;
  } catch {
    // No file, or half of one: nothing runs here.
  }
  throw notRunning();
};

const lines = (message: InboxMessage): string => [message.body, ...message.media_urls].filter((line) => line !== '').join('\n');

/** One text after the other, each with its answer. */
const askAll = async (
  phone: Phone,
  texts: Iterable<string> | AsyncIterable<string>,
  timeoutMs: number,
  terminal: Terminal,
): Promise<number> => {
  let exitCode = 0;
  for await (const text of texts) {
    if (text.trim() === '') continue;
    try {
      for (const message of await phone.ask(text, timeoutMs)) terminal.stdout.write(`${lines(message)}\n`);
    } catch (error) {
      if (!(error instanceof PhoneError)) throw error;
      terminal.stderr.write(`${error.message}\n`);
      exitCode = 1;
    }
  }
  return exitCode;
};

/** A person at the terminal: what comes in is shown above the line that is being typed. */
const converse = async (phone: Phone, { from, to }: { from: string; to: string }, terminal: Terminal): Promise<number> => {
  const after = await phone.position();
  const readline = createInterface({ input: terminal.stdin, output: terminal.stdout, prompt: '> ' });
  const left = new AbortController();
  const show = (text: string): void => {
    terminal.stdout.write(`\r\u001b[2K${text}\n`);
    readline.prompt(true);
  };
  terminal.stdout.write(`You are ${from} and text ${to}. Ctrl-D leaves.\n`);
  readline.prompt();
  readline.on('line', (line) => {
    readline.prompt();
    if (line.trim() !== '') phone.send(line, left.signal).catch((error: Error) => left.signal.aborted || show(`! ${error.message}`));
  });
  readline.on('SIGINT', () => readline.close());
  readline.once('close', () => left.abort());
  await phone.listen(after, (message) => show(`${message.from}: ${lines(message)}`), left.signal);
  terminal.stdout.write('\n');
  return 0;
};
