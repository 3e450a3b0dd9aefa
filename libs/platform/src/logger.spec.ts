import { Writable } from 'node:stream';
import { JsonLogger } from './logger.js';

const KEY = `ds_live_Abcdefgh${'x'.repeat(38)}`;

describe('JsonLogger', () => {
  let lines: string[];
  let logger: JsonLogger;
  beforeEach(() => {
    lines = [];
    logger = new JsonLogger('test', 'info', new Writable({ write: (chunk, _, done) => (lines.push(String(chunk)), done()) }));
  });
  const last = () => JSON.parse(lines.at(-1)!) as Record<string, string>;

  it.each([
    ['a text from +15551234567 came', 'a text from …67 came'],
    ['whatsapp:+15551234567', 'whatsapp:…67'],
    ['Messages.json?To=%2B15551234567&From=%2B15550001000', 'Messages.json?To=%2B…67&From=%2B…00'],
    ['{"phone":"15551234567"}', '{"phone":"…67"}'],
    ['15551234567 15550001000', '…67 …00'],
    ['+15551234567 +15550001000', '…67 …00'],
    ['+15551234567,+15550001000;5551234567', '…67,…00;…67'],
    ['+1 (555) 123-4567 called', '…67 called'],
    ['+4930123456', '…56'],
    ['short +12345678', 'short …78'],
    ['two\n+15551234567\n+15550001000', 'two\n…67\n…00'],
    ['two of them: 1555123456715550001000 15551234567', 'two of them: 1555123456715550001000 …67'],
  ])('leaves the last two digits of a phone number: %j', (text, masked) => {
    logger.warn(text);
    expect(last()['msg']).toBe(masked);
  });

  it.each(['2026-11-21T10:00:00.000Z', '0192f0c1-7000-7000-8000-012345678901', '127.0.0.1:8432', 'waited 1234567 ms', '12345'])(
    'leaves %s as it is',
    (text) => {
      logger.log(text);
      expect(last()['msg']).toBe(text);
    },
  );

  it('leaves the public part of an API key, wherever it is', () => {
    logger.error(`no such key ${KEY}`, `Error: Bearer ${KEY}\n    at somewhere`, 'Http');
    expect(lines.join('')).not.toContain('Abcdefghx');
    expect(last()).toMatchObject({
      msg: 'no such key ds_live_Abcdefgh…',
      stack: expect.stringContaining('Bearer ds_live_Abcdefgh…'),
      context: 'Http',
    });
  });

  it('masks the message and the stack of an error', () => {
    logger.error(new Error('+15551234567 is unknown'), undefined, 'Http');
    expect(lines.join('')).not.toContain('5551234567');
    expect(last()).toMatchObject({ msg: '…67 is unknown', stack: expect.stringContaining('logger.spec') });
  });

  it('writes one line whatever is in the message', () => {
    logger.warn('first\r\n{"level":"fatal","msg":"forged"}\u001b[2J', 'Http');
    expect(lines).toHaveLength(1);
    expect(lines[0]!.trimEnd()).not.toMatch(/\p{Cc}/u);
    expect(last()).toMatchObject({ level: 'warn', context: 'Http', msg: 'first\r\n{"level":"fatal","msg":"forged"}\u001b[2J' });
  });

  it('writes objects as JSON, also those that JSON cannot hold', () => {
    const circular: { phone: string; self?: unknown } = { phone: '+15551234567' };
    circular.self = circular;
    logger.log({ phone: '+15551234567' });
    expect(last()['msg']).toBe('{"phone":"…67"}');
    logger.log(circular);
    logger.log({ count: 1n });
    expect(lines).toHaveLength(3);
    expect(lines.join('')).not.toContain('5551234567');
  });

  it('names the app, the level and the time, and leaves out what is below its level', () => {
    logger.debug('hidden');
    logger.verbose('hidden');
    logger.fatal('seen');
    expect(lines).toHaveLength(1);
    expect(last()).toMatchObject({ app: 'test', level: 'fatal', msg: 'seen', time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) });
  });
});
