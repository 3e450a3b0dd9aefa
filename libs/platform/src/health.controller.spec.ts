import { jest } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { TerminusModule } from '@nestjs/terminus';
import { Sql } from '@darkspere/database';
import { TransportHealth, type TransportStatus } from '@darkspere/transport';
import { HealthController } from './health.controller.js';
import { serve } from './http.fixture.js';

describe('/health', () => {
  let app: NestFastifyApplication;
  let database: () => Promise<unknown>;
  let redis: TransportStatus;
  beforeAll(async () => {
    app = await serve({
      imports: [TerminusModule.forRoot({ logger: false })],
      controllers: [HealthController],
      providers: [
        { provide: Sql, useValue: { pool: { query: () => database() } } },
        { provide: TransportHealth, useValue: { check: async () => redis } },
      ],
    });
  });
  beforeEach(() => {
    database = async () => ({ rows: [] });
    redis = { status: 'up', backlog: 3 };
  });
  afterAll(() => app.close());
  afterEach(() => jest.useRealTimers());

  const get = async (path: string) => {
    const response = await app.inject(path);
    return { status: response.statusCode, body: response.json<{ status: string; details: Record<string, object> }>() };
  };

  it.each(['/health', '/health/ready'])('%s is ok when the database and Redis answer', async (path) => {
    const { status, body } = await get(path);
    expect([status, body.status]).toEqual([200, 'ok']);
    expect(body.details).toEqual({ database: { status: 'up' }, redis: { status: 'up', isReachable: true, backlog: 3 } });
  });

  it.each(['/health', '/health/ready'])('%s is degraded, and still 200, without Redis', async (path) => {
    redis = { status: 'down', backlog: 0, detail: 'connect ECONNREFUSED 10.0.0.5:6379' };
    const { status, body } = await get(path);
    expect([status, body.status]).toEqual([200, 'degraded']);
    expect(body.details['redis']).toMatchObject({ isReachable: false });
  });

  it.each(['/health', '/health/ready'])('%s is 503 without the database, and tells nothing about it', async (path) => {
    database = () => Promise.reject(new Error('password authentication failed for user "me"'));
    const { status, body } = await get(path);
    expect([status, body.status]).toEqual([503, 'error']);
    expect(body.details['database']).toEqual({ status: 'down', message: 'The database does not answer.' });
    expect(JSON.stringify(body)).not.toContain('password');
  });

  it('a database that hangs is down after two seconds', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'performance', 'Date'] });
    const asked = Promise.withResolvers<void>();
    database = () => {
      asked.resolve();
      return new Promise(() => undefined);
    };
    const answer = get('/health');
    await asked.promise;
    await jest.advanceTimersByTimeAsync(2_000);
    expect((await answer).status).toBe(503);
  });

  it('/health/live needs nobody', async () => {
    database = () => Promise.reject(new Error('away'));
    redis = { status: 'down', backlog: 0 };
    expect(await get('/health/live')).toMatchObject({ status: 200, body: { status: 'ok' } });
  });
});
