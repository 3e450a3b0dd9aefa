import { z } from 'zod';
import { readDraft } from './draft.js';

const Captured = z.object({ name: z.string().max(20).optional() });
const read = (output: string) => readDraft(output, Captured, {});

describe('readDraft', () => {
  it('reads the JSON it asked for and drops what it does not know', () => {
    const output = JSON.stringify({
      reply: ' Hi. ',
      answered: false,
      optOut: true,
      captured: { name: 'Ana', phone: '+15551234567', optedOut: true },
    });
    expect(read(output)).toEqual({ text: 'Hi.', isAnswered: false, captured: { name: 'Ana' } });
  });

  it.each([
    ['a bare text', 'We open at nine.'],
    ['fences', '```json\n{"reply":"We open at nine."}\n```'],
    ['thoughts before', '<think>{"reply":"no"} hm</think>\n{"reply":"We open at nine."}'],
    ['fields that do not fit', '{"reply":"We open at nine.","answered":"maybe","captured":{"name":12}}'],
    ['captured that is no object', '{"reply":"We open at nine.","captured":"all"}'],
  ])('reads %s', (_, output) => {
    expect(read(output)).toEqual({ text: 'We open at nine.', isAnswered: true, captured: {} });
  });

  it.each([
    '',
    ' ',
    '{"reply":""}',
    '{"reply":7}',
    '{"answered":true}',
    '{"reply":"cut o',
    '[1,2]',
    '{"reply":"a\\u0000b"}',
    '{"reply":"a\\u202eb"}',
    '```json\n```',
    'x'.repeat(5_000),
  ])('refuses %j', (output) => {
    expect(() => read(output)).toThrow();
  });
});
