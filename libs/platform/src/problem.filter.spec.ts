import { BadRequestException, Body, Controller, ForbiddenException, Get, Logger, Param, Post, Query } from '@nestjs/common';
import { DomainError } from '@darkspere/domain';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { z } from 'zod';
import { serve } from './http.fixture.js';

const Order = z.strictObject({
  name: z.string(),
  lines: z.array(z.object({ count: z.int().min(1, 'must be 1 or more') })).default([]),
});
const ERRORS: Record<string, () => Error> = {
  domain: () => new DomainError('number_taken', 'Another account uses this number.'),
  details: () => new DomainError('send_refused', 'Refused.', { rule: 'opted_out' }),
  unavailable: () => new DomainError('unavailable', 'Later.'),
  unnamed: () => new DomainError('no_such_code', 'secret 42'),
  http: () => new ForbiddenException('Not you'),
  bug: () => new TypeError('cannot read secret 42'),
  database: () =>
    Object.assign(new Error('duplicate key value violates "secret 42"'), { code: '23505', detail: 'Key (phone)=(+15551234567)' }),
  nothing: () => undefined as never,
};

@Controller()
class Orders {
  @Get('fails/:how')
  fail(@Param('how') how: string): never {
    throw ERRORS[how]!();
  }
  @Post('orders')
  order(@Body({ schema: Order }) order: z.infer<typeof Order>) {
    return order;
  }
  @Get('orders')
  find(@Query({ schema: z.object({ limit: z.coerce.number('must be a number').max(9) }) }) query: { limit: number }) {
    return query;
  }
  @Get('bad')
  bad(): never {
    throw new BadRequestException();
  }
}

describe('what goes wrong in a request', () => {
  let app: NestFastifyApplication;
  const logged: unknown[][] = [];
  beforeAll(async () => {
    app = await serve({ controllers: [Orders] });
    const note = (...args: unknown[]) => void logged.push(args);
    Logger.overrideLogger({ log: () => undefined, error: note, warn: note });
  });
  beforeEach(() => (logged.length = 0));
  afterAll(() => app.close());

  const problemOf = async (response: Promise<{ statusCode: number; headers: Record<string, unknown>; body: string }>) => {
    const { statusCode, headers, body } = await response;
    expect(headers['content-type']).toBe('application/problem+json; charset=utf-8');
    const problem = JSON.parse(body) as Record<string, unknown>;
    expect(problem).toMatchObject({
      type: 'about:blank',
      title: expect.any(String),
      status: statusCode,
      code: expect.stringMatching(/^[a-z_]+$/),
      detail: expect.any(String),
      instance: expect.any(String),
    });
    return problem;
  };
  const get = (url: string) => problemOf(app.inject({ method: 'GET', url }) as never);
  const post = (payload: string, contentType = 'application/json', url = '/orders') =>
    problemOf(app.inject({ method: 'POST', url, payload, headers: { 'content-type': contentType } }) as never);

  it('a rule that was broken has its own code and status', async () => {
    expect(await get('/fails/domain')).toMatchObject({
      status: 409,
      code: 'number_taken',
      title: 'number taken',
      detail: 'Another account uses this number.',
    });
    expect(await get('/fails/details')).toMatchObject({ status: 409, code: 'send_refused', errors: { rule: 'opted_out' } });
    expect(await get('/fails/http')).toMatchObject({ status: 403, code: 'forbidden', detail: 'Not you' });
    expect(await get('/bad')).toMatchObject({ status: 400, code: 'invalid_request' });
    expect(logged).toEqual([]);
  });

  it.each(['bug', 'database', 'unnamed', 'nothing'])('a fault of ours (%s) shows nothing of itself and is logged once', async (how) => {
    const problem = await get(`/fails/${how}`);
    expect(problem).toMatchObject({ status: 500, code: 'internal', detail: 'Something went wrong on our side.' });
    expect(problem).not.toHaveProperty('errors');
    expect(logged).toHaveLength(1);
    expect(logged[0]![0]).toMatch(new RegExp(`^GET /fails/:how ${String(problem['instance'])} internal: `));
  });

  it('a moment when we cannot is 503, logged without a stack', async () => {
    expect(await get('/fails/unavailable')).toMatchObject({ status: 503, code: 'unavailable', detail: 'Later.' });
    expect(logged).toHaveLength(1);
    expect(logged[0]).toEqual([expect.stringContaining('unavailable: Later.'), 'Http']);
  });

  it('each faulty field is named, at most fifty', async () => {
    const problem = await post(JSON.stringify({ name: 7, lines: [{ count: 1 }, { count: 0 }], more: 1 }));
    expect(problem).toMatchObject({ status: 400, code: 'invalid_request' });
    expect((problem['errors'] as { field: string }[]).map(({ field }) => field).sort()).toEqual(['(body)', 'lines.1.count', 'name']);
    expect((await post(JSON.stringify({ name: 'x', lines: Array.from({ length: 2_000 }, () => ({ count: 0 })) })))['errors']).toHaveLength(
      50,
    );
    expect(await get('/orders?limit=x')).toMatchObject({ status: 400, errors: [{ field: 'limit', message: 'must be a number' }] });
  });

  it.each(['null', '[]', '"text"', '7'])('the JSON %s where an object belongs is a bad request', async (body) => {
    expect(await post(body)).toMatchObject({ status: 400, code: 'invalid_request', errors: [{ field: '(body)' }] });
  });

  it.each(['{"name":', 'not json', '', '{"name":"x","__proto__":{"a":1}}', '{"constructor":{"prototype":{"a":1}}}'])(
    'the body %j is a bad request',
    async (body) => {
      expect(await post(body)).toMatchObject({ status: 400, code: 'invalid_request' });
    },
  );

  it('what Fastify refuses before any handler has the same form', async () => {
    expect(await post(JSON.stringify({ name: 'x'.repeat(1_100_000) }))).toMatchObject({ status: 413, code: 'payload_too_large' });
    expect(await post('<x/>', 'application/xml')).toMatchObject({ status: 415, code: 'unsupported_media_type' });
    expect(await get('/nowhere')).toMatchObject({ status: 404, code: 'route_not_found' });
    expect(await post('{}', 'application/json', '/fails/domain')).toMatchObject({ status: 404, code: 'route_not_found' });
    expect(await get('/fails/%zz')).toMatchObject({ status: 400, code: 'invalid_request' });
    expect(await get(`/fails/${'x'.repeat(300)}`)).toMatchObject({ status: 414, code: 'invalid_request' });
    expect(logged).toEqual([]);
  });
});
