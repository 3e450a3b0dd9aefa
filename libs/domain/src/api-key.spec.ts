import { randomBytes } from 'node:crypto';
import { allows, apiKeyPrefix, isKeyOf, newApiKey } from './api-key.js';

describe('API keys', () => {
  it('finds the prefix of a key it made and knows the key by its hash', () => {
    const made = newApiKey(randomBytes);
    expect(made.key).toMatch(/^ds_live_[0-9A-Za-z]{46}$/);
    expect(apiKeyPrefix(made.key)).toBe(made.prefix);
    expect(isKeyOf(made.key, made.hash)).toBe(true);
    expect(isKeyOf(newApiKey(randomBytes).key, made.hash)).toBe(false);
  });

  it('refuses a key with one wrong character before any look-up', () => {
    const { key } = newApiKey(randomBytes, 'test');
    for (let i = 8; i < key.length; i += 1) {
      const other = key[i] === 'a' ? 'b' : 'a';
      expect(apiKeyPrefix(key.slice(0, i) + other + key.slice(i + 1))).toBeNull();
    }
  });

  it.each(['', 'ds_live_', 'Bearer x', 'ds_prod_'.padEnd(54, 'a'), '\u0000'.repeat(54), 'ds_live_'.padEnd(10_000, 'a')])(
    'refuses the malformed key %#',
    (key) => expect(apiKeyPrefix(key)).toBeNull(),
  );

  it('lets a wider scope do what a narrower one may', () => {
    expect(allows(['admin'], 'write')).toBe(true);
    expect(allows(['write'], 'read')).toBe(true);
    expect(allows(['read'], 'write')).toBe(false);
    expect(allows([], 'read')).toBe(false);
    expect(allows(['root'], 'read')).toBe(false);
  });
});
