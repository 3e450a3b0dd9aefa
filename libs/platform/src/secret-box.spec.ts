import { SecretBox } from './secret-box.js';

const key = (byte: number) => Buffer.alloc(32, byte).toString('base64');

describe('SecretBox', () => {
  it('opens what it sealed', () => {
    const box = new SecretBox(`a:${key(1)}`);
    expect(box.open(box.seal('sk_live_1', 'row|1'), 'row|1')).toBe('sk_live_1');
    expect(box.open(box.seal('', 'row|1'), 'row|1')).toBe('');
  });

  it('writes with the first key and reads with all', () => {
    const sealed = new SecretBox(`old:${key(1)}`).seal('secret', 'row|1');
    const rotated = new SecretBox(`new:${key(2)},old:${key(1)}`);
    expect(rotated.open(sealed, 'row|1')).toBe('secret');
    expect(rotated.seal('secret', 'row|1')).toMatch(/^v1\.new\./);
    expect(() => new SecretBox(`new:${key(2)}`).open(sealed, 'row|1')).toThrow(/ENCRYPTION_KEYS/);
  });

  it('refuses a ciphertext that was moved to another row or changed', () => {
    const box = new SecretBox(`a:${key(1)}`);
    const sealed = box.seal('secret', 'row|1');
    expect(() => box.open(sealed, 'row|2')).toThrow();
    const parts = sealed.split('.');
    parts[3] = Buffer.from('forged').toString('base64url');
    expect(() => box.open(parts.join('.'), 'row|1')).toThrow();
  });

  it.each(['', 'a', 'a:short', `:${key(1)}`, `a:${key(1)}:x`, `a:${key(1)},`])(
    'names the faulty entry of %j without showing it',
    (spec) => {
      expect(() => new SecretBox(spec)).toThrow(/^ENCRYPTION_KEYS: entry \d is not/);
    },
  );
});
