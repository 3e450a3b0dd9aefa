import { apiKeyPrefix, isKeyOf } from '@darkspere/domain';
import type { ApiKeysRepository, NewApiKeyRow } from './api-keys.repository.js';
import { CreateApiKey } from './api-keys.schemas.js';
import { ApiKeysService } from './api-keys.service.js';

const NOW = new Date('2026-11-21T12:00:00Z');

const create = async (body: object) => {
  const stored: NewApiKeyRow[] = [];
  const repository = {
    add: async (row: NewApiKeyRow) => {
      stored.push(row);
      return { ...row, id: 'key-1' };
    },
  };
  const service = new ApiKeysService(repository as unknown as ApiKeysRepository);
  return { created: await service.create('account-1', CreateApiKey.parse(body), NOW), stored: stored[0]! };
};

describe('ApiKeysService', () => {
  it('stores a hash that only the shown key fits, never the key', async () => {
    const { created, stored } = await create({ label: 'ci', scopes: ['read'] });
    expect(isKeyOf(created.key, stored.secretHash)).toBe(true);
    expect(JSON.stringify(stored)).not.toContain(created.key);
    expect(JSON.stringify(created)).not.toContain(stored.secretHash);
    expect(apiKeyPrefix(created.key)).toBe(created.prefix);
    expect(stored.accountId).toBe('account-1');
  });

  it('a key lasts 90 days unless somebody says otherwise', async () => {
    expect((await create({ label: 'ci', scopes: ['read'] })).created.expires_at).toEqual(new Date('2027-02-19T12:00:00Z'));
    expect((await create({ label: 'ci', scopes: ['read'], expires_in_days: 1 })).created.expires_at).toEqual(
      new Date('2026-11-22T12:00:00Z'),
    );
  });

  it('the same scope twice is one scope', async () => {
    expect((await create({ label: 'ci', scopes: ['read', 'read', 'write'] })).created.scopes).toEqual(['read', 'write']);
  });

  it.each([
    [{ scopes: ['read'] }, 'label'],
    [{ label: 'x', scopes: [] }, 'scopes'],
    [{ label: 'x', scopes: ['root'] }, 'scopes.0'],
    [{ label: 'x', scopes: 'admin' }, 'scopes'],
    [{ label: 'x', scopes: ['read'], expires_in_days: 0 }, 'expires_in_days'],
    [{ label: 'x', scopes: ['read'], expires_in_days: 4_000 }, 'expires_in_days'],
    [{ label: 'x', scopes: ['read'], requests_per_minute: 0 }, 'requests_per_minute'],
  ])('%j is refused for its %s', (body, field) => {
    const fields = CreateApiKey.safeParse(body).error?.issues.map(({ path }) => path.join('.'));
    expect([...new Set(fields)]).toEqual([field]);
  });
});
