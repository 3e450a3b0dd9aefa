import { randomUUID } from 'node:crypto';
import { Registry, type Caller } from './registry.harness.js';

describe('/api/v1/api-keys', () => {
  let registry: Registry;
  let admin: Caller;
  let stranger: Caller;
  beforeAll(async () => {
    registry = await Registry.start();
    admin = await registry.as('admin');
    stranger = await registry.as('admin', registry.otherAccount);
  });
  afterAll(() => registry?.stop());

  const create = async (changes: object = {}) =>
    (await admin.post('/api-keys', { label: 'ci', scopes: ['read'], ...changes }).expect(201)).body;
  const storedText = async (table: string): Promise<string> => {
    const { rows } = await registry.database.pool.query(`select row_to_json(t) as row from ${table} t`);
    return JSON.stringify(rows);
  };

  it('a new key opens what its scopes say, until it is revoked', async () => {
    const { key, key_id, ...rest } = await create();
    expect(rest).toEqual({
      prefix: key.slice(8, 16),
      label: 'ci',
      scopes: ['read'],
      requests_per_minute: 100,
      expires_at: expect.any(String),
    });
    const reader = registry.withKey(key);
    await reader.get('/agents').expect(200);
    await reader.post('/agents/register', {}).expect(403);
    await admin.delete(`/api-keys/${key_id}`).expect(204);
    await reader.get('/agents').expect(401);
    await admin.delete(`/api-keys/${key_id}`).expect(204);
  });

  it('a key is for the account that made it', async () => {
    const { key, key_id } = await create({ scopes: ['admin'] });
    const { body } = await registry.withKey(key).get('/api-keys').expect(200);
    expect(body.api_keys.map((entry: { key_id: string }) => entry.key_id)).toContain(key_id);
    expect(JSON.stringify((await stranger.get('/api-keys')).body)).not.toContain(key_id);
    const { status, body: problem } = await stranger.delete(`/api-keys/${key_id}`);
    expect([status, problem.code]).toEqual([404, 'not_found']);
    await registry.withKey(key).get('/agents').expect(200);
  });

  it('the list shows neither keys nor hashes', async () => {
    const { key } = await create();
    const { rows } = await registry.database.pool.query('select secret_hash from security.api_keys');
    const { text, body } = await admin.get('/api-keys?limit=1').expect(200);
    expect(body.api_keys).toEqual([
      {
        key_id: expect.any(String),
        prefix: key.slice(8, 16),
        label: 'ci',
        scopes: ['read'],
        requests_per_minute: 100,
        created_at: expect.any(String),
        expires_at: expect.any(String),
        revoked_at: null,
        last_used_at: null,
      },
    ]);
    for (const secret of [key, ...rows.map(({ secret_hash }) => secret_hash)]) expect(text).not.toContain(secret);
  });

  it('a key lasts as long as was asked for', async () => {
    const { expires_at, requests_per_minute } = await create({ expires_in_days: 7, requests_per_minute: 5 });
    expect(Math.round((Date.parse(expires_at) - Date.now()) / 86_400_000)).toBe(7);
    expect(requests_per_minute).toBe(5);
  });

  it('an expired key opens nothing', async () => {
    const { key, key_id } = await create();
    await registry.database.pool.query(`update security.api_keys set expires_at = now() - interval '1 second' where id = $1`, [key_id]);
    await registry.withKey(key).get('/agents').expect(401);
  });

  it('the key is stored nowhere, with an Idempotency-Key either', async () => {
    const { body } = await admin
      .post('/api-keys', { label: 'once', scopes: ['read'] })
      .set('idempotency-key', 'k1')
      .expect(201);
    expect(await storedText('security.api_keys')).not.toContain(body.key);
    expect(await storedText('security.idempotent_requests')).not.toContain(body.key);
  });

  it('only admins manage keys', async () => {
    for (const [scope, status] of [
      [null, 401],
      ['read', 403],
      ['write', 403],
    ] as const) {
      const caller = await registry.as(scope);
      await caller.post('/api-keys', { label: 'x', scopes: ['admin'] }).expect(status);
      await caller.get('/api-keys').expect(status);
      await caller.delete(`/api-keys/${randomUUID()}`).expect(status);
    }
  });

  it('each faulty field is named', async () => {
    const { status, body } = await admin.post('/api-keys', {
      label: '\0',
      scopes: ['root'],
      expires_in_days: 1e9,
      requests_per_minute: 'many',
    });
    expect([status, body.code]).toEqual([400, 'invalid_request']);
    expect(body.errors.map(({ field }: { field: string }) => field).sort()).toEqual([
      'expires_in_days',
      'label',
      'requests_per_minute',
      'scopes.0',
    ]);
  });

  it('an unknown id is not found and no UUID is a bad request', async () => {
    await admin.delete(`/api-keys/${randomUUID()}`).expect(404);
    await admin.delete('/api-keys/7').expect(400);
  });
});
