import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { createTwin } from '@darkspere/twin';
import type { Twin } from '@darkspere/twin';
import { textCommand } from '../src/text-command.js';
import { appUnderTest, twilioClient } from './app-under-test.js';

const number = '+15550001000';
const phone = '+15557770001';

describe('the phone in the terminal', () => {
  let twin: Twin;
  let app: Awaited<ReturnType<typeof appUnderTest>>;

  beforeEach(async () => {
    twin = await createTwin({ webhookRetries: 0 });
    app = await appUnderTest(twin.authToken);
    twin.setWebhook(app.webhookUrl);
    app.answers((form) => `<Response><Message>you said ${form['Body']}</Message></Response>`);
  });
  afterEach(async () => {
    await twin.close();
    await app.close();
  });

  const terminal = (stdin: Readable = Readable.from([])) => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const written = (stream: PassThrough): string => String(stream.read() ?? '');
    return {
      stdin,
      stdout,
      stderr,
      env: { TWIN_URL: twin.url } as NodeJS.ProcessEnv,
      out: () => written(stdout),
      err: () => written(stderr),
    };
  };
  const run = async (argv: string[], stdin?: string, env?: NodeJS.ProcessEnv) => {
    const io = { ...terminal(stdin === undefined ? undefined : Readable.from([stdin])), ...(env && { env }) };
    const code = await textCommand(argv, io);
    return { code, out: io.out(), err: io.err() };
  };

  it('sends one text and prints only the answer to it', async () => {
    expect(await run(['hello', 'there'])).toEqual({ code: 0, out: 'you said hello there\n', err: '' });
    expect(app.texts[0]?.form).toMatchObject({ From: phone, To: number, Body: 'hello there' });
    expect(await run(['again'])).toEqual({ code: 0, out: 'you said again\n', err: '' });
  });

  it('prints an answer that leaves by REST, in all its parts', async () => {
    const client = twilioClient(twin.url, twin.accountSid, twin.authToken);
    app.answers(() => {
      setTimeout(() => {
        void client.messages
          .create({ to: phone, from: number, body: 'part 1' })
          .then(() => client.messages.create({ to: phone, from: number, body: 'part 2', mediaUrl: ['https://x.test/a.png'] }));
      }, 50);
      return '<Response/>';
    });
    expect(await run(['hello'])).toEqual({ code: 0, out: 'part 1\npart 2\nhttps://x.test/a.png\n', err: '' });
  });

  it('may be another phone and text another number', async () => {
    await run(['--from', '+15557770009', '--to', '+15550002000', 'x']);
    expect(app.texts[0]?.form).toMatchObject({ From: '+15557770009', To: '+15550002000' });
  });

  it('says so when no answer comes in time, and when the app refuses the text', async () => {
    app.answers('<Response/>');
    expect(await run(['--timeout', '0.2', 'x'])).toEqual({ code: 1, out: '', err: 'No answer within 0.2 s\n' });
    app.answers((_, reply) => reply.code(404).send(''));
    expect(await run(['x'])).toEqual({ code: 1, out: '', err: 'The text was not delivered: nobody answers at +15550001000 (HTTP 404)\n' });
    app.answers((_, reply) => reply.code(403).send(''));
    expect(await run(['x'])).toEqual({ code: 1, out: '', err: 'The text was not delivered: the app answered HTTP 403\n' });
  });

  it.each(['--from', '--to'])('%s that is no number is named before anything is sent', async (option) => {
    const { code, err } = await run([option, 'foo', 'x']);
    expect({ code, err }).toEqual({ code: 1, err: `${option} is a phone number such as +15557770001, or a short code\n` });
    await app.close();
    expect((await run(['x'])).err).toMatch(/^The text was not delivered: .*ECONNREFUSED/);
  });

  it('finds the twin of the run in DARKSPERE_HOME, and says how to start one when there is none', async () => {
    const home = await mkdtemp(join(tmpdir(), 'twin-home-'));
    const missing = { code: 1, out: '', err: 'DarkSpere is not running here: start it with npm start\n' };
    expect(await run(['x'], undefined, { DARKSPERE_HOME: home })).toEqual(missing);
    await writeFile(join(home, 'run.json'), JSON.stringify({ twinUrl: twin.url }));
    expect(await run(['x'], undefined, { DARKSPERE_HOME: home })).toMatchObject({ code: 0, out: 'you said x\n' });
    await twin.close();
    expect(await run(['x'], undefined, { DARKSPERE_HOME: home })).toEqual(missing);
  });

  it('takes each line of piped input as a text and waits for its answer', async () => {
    expect(await run([], 'one\n\ntwo\r\nthree')).toEqual({ code: 0, out: 'you said one\nyou said two\nyou said three\n', err: '' });
  });

  it('shows messages as they come in a conversation, until the input ends', async () => {
    const stdin = Object.assign(new PassThrough(), { isTTY: true });
    const io = terminal(stdin);
    let shown = '';
    io.stdout.on('data', (chunk) => (shown += String(chunk)));
    const running = textCommand([], io);
    const until = async (text: string) => {
      while (!shown.includes(text)) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    await until('Ctrl-D leaves');
    stdin.write('hello\n');
    await until(`${number}: you said hello\n> `);
    await twilioClient(twin.url, twin.accountSid, twin.authToken).messages.create({ to: phone, from: number, body: 'unasked' });
    await until(`${number}: unasked\n> `);
    stdin.end();
    expect(await running).toBe(0);
  });

  it('explains itself, also when it is called wrongly', async () => {
    expect(await run(['--help'])).toMatchObject({ code: 0, out: expect.stringContaining('npm run text') });
    expect(await run(['--form', 'x'])).toMatchObject({ code: 1, err: expect.stringContaining('--form') });
    expect(await run(['--timeout', 'soon', 'x'])).toMatchObject({ code: 1, err: '--timeout is a number of seconds\n' });
    expect(await run(['--twin', 'nowhere', 'x'])).toMatchObject({ code: 1, err: 'nowhere is not a URL\n' });
  });
});
