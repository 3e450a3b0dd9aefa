import { LONGEST_BODY, countSegments, sendable, splitReply } from './segments.js';

describe('countSegments', () => {
  it.each([
    ['a'.repeat(160), 1, 'GSM-7'],
    ['a'.repeat(161), 2, 'GSM-7'],
    ['a'.repeat(306), 2, 'GSM-7'],
    ['a'.repeat(307), 3, 'GSM-7'],
    ['€'.repeat(80), 1, 'GSM-7'],
    ['€'.repeat(81), 2, 'GSM-7'],
    ['ы'.repeat(70), 1, 'UCS-2'],
    ['ы'.repeat(71), 2, 'UCS-2'],
    ['😀'.repeat(35), 1, 'UCS-2'],
    ['😀'.repeat(36), 2, 'UCS-2'],
    ['', 1, 'GSM-7'],
  ])('counts %#', (body, segments, encoding) => expect(countSegments(body)).toEqual({ segments, encoding }));
});

describe('splitReply', () => {
  it('makes typographic punctuation plain when that saves segments', () => {
    const [part] = splitReply('“Sure” — it’s ready…');
    expect(part!.encoding).toBe('GSM-7');
    expect(part!.body).toContain('"Sure"');
    expect(part!.body).toContain("it's");
  });

  it('leaves a text alone that is not GSM-7 anyway', () => {
    expect(splitReply('“Привет”')[0]!.body).toBe('“Привет”');
  });

  it('keeps every word, in order, in parts of at most 1,600 characters', () => {
    const words = Array.from({ length: 2_000 }, (_, i) => `word${i}${i % 17 === 0 ? '.' : ''}`);
    const parts = splitReply(words.join(' '));
    expect(parts.length).toBeGreaterThan(5);
    for (const part of parts) expect(part.body.length).toBeLessThanOrEqual(LONGEST_BODY);
    expect(
      parts
        .map((part) => part.body)
        .join(' ')
        .split(/\s+/),
    ).toEqual(words);
  });

  it('never cuts a character in two', () => {
    const family = '👨‍👩‍👧‍👦';
    const parts = splitReply(`x${family.repeat(400)}`);
    expect(parts.map((part) => part.body).join('')).toBe(`x${family.repeat(400)}`);
    for (const part of parts) expect(part.body.startsWith('x') || part.body.startsWith(family)).toBe(true);
  });
});

describe('sendable', () => {
  it('leaves out what XML 1.0 cannot hold and control characters, and nothing else', () => {
    const all = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code)).filter((character) => character.isWellFormed());
    const isShown = (character: string) => /[\t\n\r\u0020-\u007e\u00a0-\ufffd]/.test(character);
    expect(sendable(all.join(''))).toBe(all.filter(isShown).join(''));
    expect(sendable('a\ud800b😀')).toBe('a\ufffdb😀');
    expect(splitReply(' \u0007 \u0000x ')[0]!.body).toBe('x');
  });
});
