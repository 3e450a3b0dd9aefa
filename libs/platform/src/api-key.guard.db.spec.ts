import { randomBytes } from 'node:crypto';
import { Controller, Get, Post } from '@nestjs/common';
import { Sql } from '@darkspere/database';
import { newApiKey, type Scope } from '@darkspere/domain';
import { createTestDatabase, type TestDatabase } from '@darkspere/testing';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AccountId, Scoped } from './api-key.guard.js';
import { serve } from './http.fixture.js';

@Controller('things')
@Scoped('read')
class Things {
  @Get()
  list(@AccountId() accountId: string) {
    return { accountId };
  }
  @Post()
  @Scoped('write')
  add(@AccountId() accountId: string) {
    return { accountId };
  }
  @Get('keys')
  @Scoped('admin')
  keys() {
    return {};
  }
}

@Controller('open')
class Open {
  @Get()
  find() {
    return {};
  }
  @Get('forgotten')
  forgotten(@AccountId() accountId: string) {
    return { accountId };
  }
}

describe('a route that is @Scoped', () => {
  let database: TestDatabase;
  let app: NestFastifyApplication;
  let account: string;
  const looked: unknown[] = [];
  beforeAll(async () => {
    database = await createTestDatabase();
    const sql = new Sql(database.pool);
    const counting = { value: (name: string, args: unknown[]) => (looked.push(args), sql.value(name, args)) };
    app = await serve({ controllers: [Things, Open], providers: [{ provide: Sql, useValue: counting }] });
    account = (await database.pool.query<{ id: string }>(`insert into security.accounts (name) values ('ours') returning id`)).rows[0]!.id;
  });
  beforeEach(() => (looked.length = 0));
  afterAll(async () => {
    await app?.close();
    await database?.drop();
  });

  const keyWith = async (scopes: Scope[], changes: { expires_at?: string; revoked_at?: string } = {}): Promise<string> => {
    const { key, prefix, hash } = newApiKey(randomBytes);
    await database.pool.query(
      `insert into security.api_keys (account_id, prefix, secret_hash, label, scopes, expires_at, revoked_at) values ($1, $2, $3, 'test', $4, $5, $6)`,
      [account, prefix, hash, scopes, changes.expires_at ?? null, changes.revoked_at ?? null],
    );
    return key;
  };
  const ask = async (authorization: string | undefined, method: 'GET' | 'POST' = 'GET', url = '/things') => {
    const response = await app.inject({ method, url, headers: authorization === undefined ? {} : { authorization } });
    return { status: response.statusCode, body: response.json<{ code?: string; accountId?: string }>() };
  };

  it('knows whose key it is', async () => {
    expect(await ask(`Bearer ${await keyWith(['read'])}`)).toEqual({ status: 200, body: { accountId: account } });
    expect((await ask(`bearer ${await keyWith(['read'])}`)).status).toBe(200);
  });

  it.each([
    ['read', 200, 403, 403],
    ['write', 200, 201, 403],
    ['admin', 200, 201, 200],
  ] as const)('a key for %s may do what its scope includes, and 403 for more', async (scope, list, add, keys) => {
    const authorization = `Bearer ${await keyWith([scope])}`;
    expect((await ask(authorization)).status).toBe(list);
    expect((await ask(authorization, 'POST')).status).toBe(add);
    expect((await ask(authorization, 'GET', '/things/keys')).status).toBe(keys);
    if (add === 403) expect((await ask(authorization, 'POST')).body.code).toBe('forbidden');
  });

  it("the method's scope holds, not the class's, and the key is looked up once", async () => {
    await ask(`Bearer ${await keyWith(['write'])}`, 'POST');
    expect(looked).toHaveLength(1);
  });

  it.each([
    ['nothing', undefined],
    ['an empty header', ''],
    ['no scheme', `ds_live_${'a'.repeat(46)}`],
    ['another scheme', 'Basic dXNlcjpwdw=='],
    ['two words', 'Bearer a b'],
    ['a malformed key', 'Bearer ds_live_short'],
    ['SQL', "Bearer ' or '1'='1"],
    ['a key with a wrong checksum', `Bearer ds_live_${'a'.repeat(46)}`],
    ['10,000 characters', `Bearer ${'a'.repeat(10_000)}`],
  ])('refuses %s with 401, without a look-up', async (_, authorization) => {
    const { status, body } = await ask(authorization);
    expect([status, body.code]).toEqual([401, 'unauthenticated']);
    expect(looked).toEqual([]);
  });

  it('refuses a key that nobody made, or whose secret is another, with the same words', async () => {
    const known = await keyWith(['read']);
    const unknown = newApiKey(randomBytes).key;
    const forged = newApiKey(randomBytes).key;
    await database.pool.query(
      `insert into security.api_keys (account_id, prefix, secret_hash, label, scopes) values ($1, $2, $3, 'x', '{read}')`,
      [account, forged.slice(8, 16), newApiKey(randomBytes).hash],
    );
    const answers = await Promise.all([unknown, forged].map((key) => ask(`Bearer ${key}`)));
    const { instance: _, ...first } = answers[0]!.body as Record<string, unknown>;
    expect(answers.map(({ status }) => status)).toEqual([401, 401]);
    expect(answers[1]!.body).toMatchObject(first);
    expect((await ask(`Bearer ${known}`)).status).toBe(200);
  });

  it('refuses a key that is expired or revoked', async () => {
    const past = '2020-01-01T00:00:00Z';
    expect((await ask(`Bearer ${await keyWith(['admin'], { expires_at: past })}`)).status).toBe(401);
    expect((await ask(`Bearer ${await keyWith(['admin'], { revoked_at: past })}`)).status).toBe(401);
    expect((await ask(`Bearer ${await keyWith(['admin'], { expires_at: '2999-01-01T00:00:00Z' })}`)).status).toBe(200);
  });

  it('leaves other routes open, and a route that wants the caller without a guard fails', async () => {
    expect((await ask(undefined, 'GET', '/open')).status).toBe(200);
    expect((await ask(`Bearer ${await keyWith(['admin'])}`, 'GET', '/open/forgotten')).status).toBe(500);
  });
});
