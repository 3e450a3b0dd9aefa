import { clip, gsm7Length, isGsm7, toGsm7 } from './sms-text.js';

describe('GSM-7 text', () => {
  it('counts the extended characters twice and knows what does not fit', () => {
    expect(gsm7Length('a€[')).toBe(5);
    expect(gsm7Length('日')).toBeNull();
    expect(isGsm7('Ünïon')).toBe(false);
  });

  it.each([
    ['“hi”—it’s…', '"hi"-it\'s...'],
    ['María Łódź', 'Maria Lodz'],
    ['Great 🎉!', 'Great!'],
    ['a\u00a0b\u2003c', 'a b c'],
    ['日本', ''],
    ['10 € für ñandú', '10 € für ñandu'],
  ])('writes %j as %j', (text, plain) => {
    expect(toGsm7(text)).toBe(plain);
  });

  it('cuts at a sentence, else at a word, and never beyond the limit', () => {
    expect(clip('One two three. Four five six.', 20)).toBe('One two three.');
    expect(clip('One two three four five six', 20)).toBe('One two three four');
    expect(clip('€'.repeat(20), 10)).toBe('€'.repeat(5));
    expect(clip('short', 20)).toBe('short');
  });
});
