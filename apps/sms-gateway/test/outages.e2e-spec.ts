import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, startRedis, type RunningRedis } from '@darkspere/testing';
import { eventually, Gateway, NUMBER } from './gateway.harness.js';

describe('while Redis is down', () => {
  const dir = mkdtempSync(join(realpathSync(tmpdir()), 'gateway-redis-'));
  let port: number;
  let redis: RunningRedis;
  let gateway: Gateway;
  beforeAll(async () => {
    port = await freePort();
    redis = await startRedis({ dir, port });
    gateway = await Gateway.start({ budgetMs: 2_500, redisUrl: redis.url });
    expect((await gateway.incoming({ From: gateway.phone() })).text).toContain('echo: Hello');
    await redis.stop();
  });
  afterAll(async () => {
    await gateway?.stop();
    await redis?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it('health is degraded, with 200', async () => {
    for (const path of ['/health', '/health/ready']) {
      const response = await fetch(gateway.url + path);
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({
        status: 'degraded',
        details: { database: { status: 'up' }, redis: { isReachable: false } },
      });
    }
    expect((await fetch(`${gateway.url}/health/live`)).status).toBe(200);
  });

  it('a text whose turn is found by the sweeper is answered in its webhook, by reading', async () => {
    const answered = gateway.incoming({ From: gateway.phone() });
    await eventually(async () => {
      await gateway.adapter.sweep();
      expect(gateway.adapter.turns).toHaveLength(2);
    });
    expect((await answered).text).toContain('echo: Hello');
  });

  it('texts are accepted, get empty TwiML at the budget, and are answered later by REST, once', async () => {
    const phones = Array.from({ length: 5 }, () => gateway.phone());
    const startedAt = Date.now();
    const answers = await Promise.all(phones.map((From) => gateway.incoming({ From })));
    for (const { status, text } of answers) expect([status, text]).toEqual([200, '<?xml version="1.0" encoding="UTF-8"?><Response/>']);
    expect(Date.now() - startedAt).toBeLessThan(4_500);
    await gateway.adapter.sweep();
    for (const phone of phones)
      await eventually(async () => expect(await gateway.twin.inbox(phone)).toMatchObject([{ body: 'echo: Hello', via: 'rest' }]));
  });

  it('keywords are obeyed, and messages are sent', async () => {
    const phone = gateway.phone();
    expect((await gateway.incoming({ From: phone, Body: 'STOP' })).text).toContain('You are unsubscribed');
    const writer = await gateway.as('write');
    await writer.post('/messages', { from: NUMBER, to: phone, body: 'Hi', purpose: 'marketing' }).expect(409);
    const other = gateway.phone();
    await writer.post('/messages', { from: NUMBER, to: other, body: 'Hi', purpose: 'marketing' }).expect(202);
    await eventually(async () => expect(await gateway.twin.inbox(other)).toHaveLength(1));
  });

  it('and rings are heard again when it is back', async () => {
    redis = await startRedis({ dir, port });
    await eventually(async () => expect(await (await fetch(`${gateway.url}/health`)).json()).toMatchObject({ status: 'ok' }));
    await eventually(async () => expect((await gateway.incoming({ From: gateway.phone() })).text).toContain('echo: Hello'));
  });
});
