import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, freePort, startRedis, type RunningRedis } from '@darkspere/testing';
import { CarrierClient, type SendOutcome } from '../src/carrier/carrier.client.js';
import type { SmsGatewayEnv } from '../src/env.js';
import { Gateway, NUMBER } from './gateway.harness.js';

const listen = async (listener: RequestListener): Promise<Server> => {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
};
const close = (server: Server | undefined): Promise<void> => {
  server?.closeAllConnections();
  return new Promise((resolve) => (server ? server.close(() => resolve()) : resolve()));
};
const sendThrough = (port: number): Promise<SendOutcome> =>
  new CarrierClient({ PUBLIC_BASE_URL: 'https://sms.example.com', TWILIO_API_BASE: `http://127.0.0.1:${port}` } as SmsGatewayEnv).send(
    { accountId: 'a', accountSid: `AC${'0'.repeat(32)}`, authToken: 'token' },
    { messageId: 'm', from: NUMBER, to: '+15557770000', body: 'Hi', mediaUrls: [] },
  );
const portOf = (server: Server): number => (server.address() as AddressInfo).port;

// Asked before all tests and judged after them: it takes the ten seconds that a call to the carrier may last.
let silent: Server;
let unanswered: Promise<SendOutcome>;
beforeAll(async () => {
  silent = await listen(() => undefined);
  unanswered = sendThrough(portOf(silent));
});
afterAll(() => close(silent));

describe('while Redis is down', () => {
  const dir = mkdtempSync(join(realpathSync(tmpdir()), 'gateway-redis-'));
  let port: number;
  let redis: RunningRedis;
  let gateway: Gateway;
  beforeAll(async () => {
    port = await freePort();
    redis = await startRedis({ dir, port });
    gateway = await Gateway.start({ budgetMs: 1_500, redisUrl: redis.url });
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
    expect(Date.now() - startedAt).toBeLessThan(3_500);
    for (const phone of phones)
      await eventually(async () => {
        await gateway.adapter.sweep();
        expect(await gateway.twin.inbox(phone)).toMatchObject([{ body: 'echo: Hello', via: 'rest' }]);
      });
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

describe('a message for a carrier', () => {
  it('that takes no connection is certainly not with it', async () => {
    const gone = await listen(() => undefined);
    const port = portOf(gone);
    await close(gone);
    expect(await sendThrough(port)).toEqual({ kind: 'not_taken', reason: 'ECONNREFUSED' });
  });

  it.each<[string, RequestListener]>([
    ['that breaks off', (request) => request.socket.destroy()],
    [
      'that breaks off within its answer',
      (_, response) => void response.writeHead(201, { 'content-length': '100' }).write('{"sid":', () => response.destroy()),
    ],
    ['that fails', (_, response) => void response.writeHead(503).end()],
    [
      'behind a proxy that answers for it',
      (_, response) => void response.writeHead(502, { 'content-type': 'text/html' }).end('<html>Bad gateway</html>'),
    ],
  ])('%s may be with it', async (_, listener) => {
    const carrier = await listen(listener);
    expect(await sendThrough(portOf(carrier))).toMatchObject({ kind: 'unknown' });
    await close(carrier);
  });

  it('that never answers may be with it, and is given up after ten seconds', async () => {
    expect(await unanswered).toEqual({ kind: 'unknown', reason: 'ECONNABORTED', isOver: false });
  });
});
