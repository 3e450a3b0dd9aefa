import { randomBytes, randomUUID } from 'node:crypto';
import { Body, Controller, Get, HttpCode, Post, UseInterceptors } from '@nestjs/common';
import { Sql } from '@darkspere/database';
import { DomainError, newApiKey } from '@darkspere/domain';
import { createTestDatabase, type TestDatabase } from '@darkspere/testing';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { z } from 'zod';
import { Scoped } from './api-key.guard.js';
import { serve } from './http.fixture.js';
import { IdempotencyInterceptor } from './idempotency.interceptor.js';

const Order = z.object({ name: z.string() });
let done: string[];
let work: (name: string) => unknown;

@Controller()
@Scoped('write')
@UseInterceptors(IdempotencyInterceptor)
class Orders {
  @Post(['orders', 'returns'])
  @HttpCode(202)
  order(@Body({ schema: Order }) { name }: z.infer<typeof Order>) {
    done.push(name);
    return work(name);
  }
  @Get('orders')
  list() {
    done.push('list');
    return {};
  }
}

describe('a POST with an Idempotency-Key', () => {
  let database: TestDatabase;
  let app: NestFastifyApplication;
  let ours: string;
  let theirs: string;
  beforeAll(async () => {
    database = await createTestDatabase();
    app = await serve({ controllers: [Orders], providers: [{ provide: Sql, useValue: new Sql(database.pool) }] });
    [ours, theirs] = (await Promise.all(['ours', 'theirs'].map(keyOf))) as [string, string];
  });
  beforeEach(() => {
    done = [];
    work = (name) => ({ name, number: done.length });
  });
  afterAll(async () => {
    await app?.close();
    await database?.drop();
  });

  const keyOf = async (name: string): Promise<string> => {
    const { key, prefix, hash } = newApiKey(randomBytes);
    await database.pool.query(
      `with a as (insert into security.accounts (name) values ($1) returning id)
       insert into security.api_keys (account_id, prefix, secret_hash, label, scopes) select id, $2, $3, 'test', '{write}' from a`,
      [name, prefix, hash],
    );
    return key;
  };
  const post = async (idempotencyKey: string | undefined, payload: object = { name: 'a' }, { caller = ours, url = '/orders' } = {}) => {
    const headers = { authorization: `Bearer ${caller}`, ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }) };
    const response = await app.inject({ method: 'POST', url, payload, headers });
    return {
      status: response.statusCode,
      body: response.json<Record<string, unknown>>(),
      replayed: response.headers['idempotent-replayed'],
    };
  };
  const age = (key: string, interval: string) =>
    database.pool.query('update security.idempotent_requests set created_at = created_at - $2::interval where key = $1', [key, interval]);

  it('is done once, and its repeat gets the first answer', async () => {
    const key = randomUUID();
    expect(await post(key)).toEqual({ status: 202, body: { name: 'a', number: 1 }, replayed: undefined });
    expect(await post(key)).toEqual({ status: 202, body: { name: 'a', number: 1 }, replayed: 'true' });
    expect(done).toEqual(['a']);
  });

  it('is refused when the body is another one', async () => {
    const key = randomUUID();
    await post(key);
    const { status, body } = await post(key, { name: 'b' });
    expect([status, body['code']]).toEqual([422, 'idempotency_mismatch']);
    expect(done).toEqual(['a']);
  });

  it('is refused while the first one runs, and of many at once one runs', async () => {
    const key = randomUUID();
    const begun = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    work = async (name) => {
      begun.resolve();
      await held.promise;
      return { name };
    };
    const all = Array.from({ length: 8 }, () => post(key));
    await begun.promise;
    expect(await post(key)).toMatchObject({ status: 409, body: { code: 'idempotency_in_progress' } });
    held.resolve();
    const statuses = (await Promise.all(all)).map(({ status, replayed }) => (replayed ? 'replayed' : status));
    expect(statuses.filter((status) => status === 202)).toHaveLength(1);
    expect(done).toEqual(['a']);
  });

  it('is another request on another path and of another account', async () => {
    const key = randomUUID();
    await post(key);
    expect((await post(key, { name: 'b' }, { url: '/returns' })).body).toEqual({ name: 'b', number: 2 });
    expect((await post(key, { name: 'c' }, { caller: theirs })).body).toEqual({ name: 'c', number: 3 });
  });

  it('that failed may be tried again', async () => {
    for (const error of [new Error('our fault'), new DomainError('send_refused', 'not now')]) {
      const key = randomUUID();
      work = () => {
        throw error;
      };
      expect((await post(key)).status).toBeGreaterThanOrEqual(400);
      work = () => ({ done: true });
      expect(await post(key)).toMatchObject({ status: 202, body: { done: true }, replayed: undefined });
    }
  });

  it('with faulty fields may be sent again, mended', async () => {
    const key = randomUUID();
    expect((await post(key, { name: 7 })).status).toBe(400);
    expect((await post(key, { name: 'a' })).status).toBe(202);
  });

  it('is forgotten after a day, and after a minute when its process died', async () => {
    const key = randomUUID();
    await post(key);
    await age(key, '23 hours');
    expect((await post(key)).replayed).toBe('true');
    await age(key, '61 minutes');
    expect(await post(key, { name: 'b' })).toMatchObject({ status: 202, body: { number: 2 }, replayed: undefined });

    const dead = randomUUID();
    await post(dead);
    await database.pool.query('update security.idempotent_requests set status = null, body = null where key = $1', [dead]);
    expect((await post(dead)).status).toBe(409);
    await age(dead, '61 seconds');
    expect((await post(dead)).status).toBe(202);
  });

  it('without a key, or with one on a GET, is done each time', async () => {
    await post(undefined);
    await post(undefined);
    for (const _ of [1, 2])
      await app.inject({ method: 'GET', url: '/orders', headers: { authorization: `Bearer ${ours}`, 'idempotency-key': 'k' } });
    expect(done).toEqual(['a', 'a', 'list', 'list']);
  });

  it('with a key of no or more than 255 characters is a bad request', async () => {
    for (const key of ['', 'x'.repeat(256)]) expect(await post(key)).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect((await post('x'.repeat(255))).status).toBe(202);
    expect((await post(`'; drop table security.idempotent_requests; -- ${randomUUID()}`)).status).toBe(202);
  });

  it('answers a result that is nothing with nothing, both times', async () => {
    work = () => undefined;
    const key = randomUUID();
    const send = () =>
      app.inject({
        method: 'POST',
        url: '/orders',
        payload: { name: 'a' },
        headers: { authorization: `Bearer ${ours}`, 'idempotency-key': key },
      });
    const [first, second] = [await send(), await send()];
    expect([second.statusCode, second.body]).toEqual([first.statusCode, first.body]);
  });
});
