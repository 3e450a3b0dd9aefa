import { createHmac } from 'node:crypto';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { Egress } from '@darkspere/platform';
import { AgentHttpClient } from './agent-http.client.js';
import { ChatClient } from './chat.client.js';
import { agentAt, bodyOf, CREDENTIAL, failureOf, serve, turn, type TestServer } from './agents.fixture.js';

type Answering = (request: IncomingMessage, response: ServerResponse) => unknown;

const good = { type: 'chat.response', session_id: 'session-handle-1', message: 'Hi there' };

const json =
  (value: unknown, status = 200, headers: Record<string, string> = {}): Answering =>
  (_, response) =>
    response
      .writeHead(status, { 'content-type': 'application/json', ...headers })
      .end(typeof value === 'string' ? value : JSON.stringify(value));

const nested = (depth: number): unknown => JSON.parse(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`);

describe('ChatClient', () => {
  let http: AgentHttpClient;
  let chat: ChatClient;
  let server: TestServer;
  let answering: Answering;
  let received: { headers: IncomingMessage['headers']; body: string }[];

  beforeAll(async () => {
    http = new AgentHttpClient(new Egress('127.0.0.0/8'));
    chat = new ChatClient(http);
    server = await serve(async (request, response) => {
      received.push({ headers: request.headers, body: await bodyOf(request) });
      answering(request, response);
    });
  });
  beforeEach(() => {
    received = [];
    answering = json(good);
  });
  afterAll(async () => {
    await http.onApplicationShutdown();
    await server.close();
  });

  const never = new AbortController().signal;
  const ask = (signal: AbortSignal = never, over = {}) => chat.ask(agentAt(server.url, over), turn(), signal);

  describe('a request', () => {
    it("is the seed's envelope with pseudonyms, the turn id and the covered messages", async () => {
      await ask();
      expect(JSON.parse(received[0]!.body)).toEqual({
        type: 'chat.request',
        session_id: 'session-handle-1',
        phone_number: 'contact-1',
        message: turn().message,
        context: {
          session_id: 'session-handle-1',
          phone_number: 'contact-1',
          conversation_history: [{ role: 'user', content: 'Hello', timestamp: '2026-11-21T11:59:00.000Z' }],
          user_preferences: { language: 'en' },
          session_state: { current_step: 'onboarding' },
        },
        metadata: {
          timestamp: '2026-11-21T12:00:00.000Z',
          platform: 'sms',
          carrier: 'twilio',
          turn_id: turn().turnId,
          message_ids: turn().messageIds,
          idempotency_key: turn().turnId,
        },
      });
    });

    it('carries the credential, the idempotency key, the trace and a signature over the raw body', async () => {
      await ask();
      const { headers, body } = received[0]!;
      expect(headers).toMatchObject({
        'content-type': 'application/json',
        authorization: `Bearer ${CREDENTIAL}`,
        'x-api-key': CREDENTIAL,
        'idempotency-key': turn().turnId,
        traceparent: turn().traceparent,
      });
      const [, t, v1] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['x-darkspere-signature']))!;
      expect(Math.abs(Date.now() / 1_000 - Number(t))).toBeLessThan(5);
      expect(v1).toBe(createHmac('sha256', CREDENTIAL).update(`${t}.${body}`).digest('hex'));
    });

    it('has no credential and no signature when the agent has none', async () => {
      await ask(never, { credential: null });
      expect(Object.keys(received[0]!.headers)).not.toEqual(expect.arrayContaining(['authorization']));
      expect(received[0]!.headers['x-darkspere-signature']).toBeUndefined();
      expect(received[0]!.headers['x-api-key']).toBeUndefined();
    });

    it('reuses the connection of the one before', async () => {
      const before = server.connections();
      for (let i = 0; i < 20; i += 1) await ask();
      expect(server.connections() - before).toBeLessThanOrEqual(1);
    });
  });

  describe('an answer', () => {
    it('gives the message, the session state and the metadata', async () => {
      answering = json({
        ...good,
        context_update: { session_state: { step: 2 }, other: 1 },
        metadata: { model_used: 'x', turn_id: turn().turnId },
      });
      expect(await ask()).toEqual({
        kind: 'text',
        message: 'Hi there',
        contextUpdate: { session_state: { step: 2 } },
        metadata: { model_used: 'x', turn_id: turn().turnId },
      });
    });

    it.each(['application/json; charset=utf-8', 'application/vnd.agent+json', 'APPLICATION/JSON'])('may be of type %s', async (type) => {
      answering = json(good, 200, { 'content-type': type });
      expect(await ask()).toEqual({ kind: 'text', message: 'Hi there' });
    });

    it('may leave context_update and metadata null', async () => {
      answering = json({ ...good, context_update: null, metadata: null });
      expect(await ask()).toEqual({ kind: 'text', message: 'Hi there' });
    });

    it('loses what Postgres cannot store: U+0000 and half an emoji', async () => {
      answering = json('{"type":"chat.response","session_id":"session-handle-1","message":"a\\u0000b \\ud83d"}');
      expect(await ask()).toEqual({ kind: 'text', message: 'ab \ufffd' });
    });

    it('may be 16,000 characters long', async () => {
      answering = json({ ...good, message: 'x'.repeat(16_000) });
      expect(await ask()).toMatchObject({ message: 'x'.repeat(16_000) });
    });
  });

  describe('a hostile agent fails', () => {
    it.each<[string, string, boolean, Answering]>([
      ['with HTTP 500', 'agent_error', true, json({ echo: CREDENTIAL }, 500)],
      ['with HTTP 503', 'agent_error', true, json('', 503)],
      ['with HTTP 429', 'agent_error', true, json('', 429)],
      ['with HTTP 400', 'agent_error', false, json({ echo: 1 }, 400)],
      ['with HTTP 401', 'agent_error', false, json({ echo: 1 }, 401)],
      ['with HTTP 404', 'agent_error', false, json('echo', 404)],
      ['with a redirect inside', 'agent_error', false, json(good, 302, { location: 'http://169.254.169.254/' })],
      ['with a redirect that keeps the method', 'agent_error', false, json(good, 307, { location: '/agent' })],
      [
        'with an error envelope',
        'agent_error',
        true,
        json({ type: 'error', session_id: 'session-handle-1', message: `echo ${CREDENTIAL}` }),
      ],
      ['with another content type', 'agent_answer_invalid', false, json(good, 200, { 'content-type': 'text/html' })],
      ['with no content type', 'agent_answer_invalid', false, (_, r) => r.end(JSON.stringify(good))],
      [
        'with a content encoding',
        'agent_answer_invalid',
        false,
        (_, r) => r.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(gzipSync(JSON.stringify(good))),
      ],
      ['with no body', 'agent_answer_invalid', false, json('')],
      ['with what is not JSON', 'agent_answer_invalid', false, json('{"type": echo')],
      ['with JSON that is no object', 'agent_answer_invalid', false, json('"chat.response"')],
      ['with an array', 'agent_answer_invalid', false, json([good])],
      ['with null', 'agent_answer_invalid', false, json('null')],
      ['with a hundred thousand brackets', 'agent_answer_invalid', false, json('['.repeat(100_000))],
      ['with another type', 'agent_answer_invalid', false, json({ ...good, type: 'chat.request' })],
      ['with no type', 'agent_answer_invalid', false, json({ session_id: good.session_id, message: 'echo' })],
      ['for another session', 'agent_answer_invalid', false, json({ ...good, session_id: 'echo' })],
      ['for no session', 'agent_answer_invalid', false, json({ type: 'chat.response', message: 'echo' })],
      ['for another turn', 'agent_answer_invalid', false, json({ ...good, metadata: { turn_id: 'echo' } })],
      ['with an empty message', 'agent_answer_invalid', false, json({ ...good, message: '' })],
      ['with a message of spaces', 'agent_answer_invalid', false, json({ ...good, message: ' \n\t\u00a0' })],
      ['with a message of U+0000', 'agent_answer_invalid', false, json({ ...good, message: '\u0000' })],
      ['with a message of control characters', 'agent_answer_invalid', false, json({ ...good, message: '\u0001\u0007' })],
      ['with no message', 'agent_answer_invalid', false, json({ ...good, message: undefined })],
      ['with a message that is no string', 'agent_answer_invalid', false, json({ ...good, message: { echo: 1 } })],
      ['with a message that is too long', 'agent_answer_too_large', false, json({ ...good, message: 'x'.repeat(16_001) })],
      [
        'with a session state that is no object',
        'agent_answer_invalid',
        false,
        json({ ...good, context_update: { session_state: ['echo'] } }),
      ],
      [
        'with a session state that is too large',
        'agent_answer_too_large',
        false,
        json({ ...good, context_update: { session_state: { a: 'x'.repeat(65_536) } } }),
      ],
      [
        'with a session state that is too deep',
        'agent_answer_invalid',
        false,
        json({ ...good, context_update: { session_state: nested(33) } }),
      ],
      [
        'with U+0000 in the session state',
        'agent_answer_invalid',
        false,
        json({ ...good, context_update: { session_state: { 'a\u0000': 1 } } }),
      ],
      [
        'with half an emoji in the session state',
        'agent_answer_invalid',
        false,
        json({ ...good, context_update: { session_state: { a: ['\ud83d'] } } }),
      ],
      ['with metadata that is no object', 'agent_answer_invalid', false, json({ ...good, metadata: 'echo' })],
      ['with more than 1 MB', 'agent_answer_too_large', false, json({ ...good, metadata: { a: 'x'.repeat(1_100_000) } })],
      ['with headers without end', 'agent_answer_too_large', false, json(good, 200, { 'x-echo': 'x'.repeat(40_000) })],
      ['with a connection cut before the answer', 'agent_unreachable', true, (q) => q.socket.destroy()],
      [
        'with a connection cut within the answer',
        'agent_unreachable',
        true,
        (q, r) => {
          r.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' }).write('{"type":');
          setImmediate(() => q.socket.destroy());
        },
      ],
    ])('%s', async (_, code, retryable, misbehaviour) => {
      answering = misbehaviour;
      expect(await failureOf(ask())).toMatchObject({ code, retryable });
    });

    it('that never ends its answer, at 1 MB', async () => {
      let sent = 0;
      answering = (_, response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        const more = () => {
          while (!response.destroyed && response.write('x'.repeat(16_384))) sent += 16_384;
          if (!response.destroyed) response.once('drain', more);
        };
        more();
      };
      expect(await failureOf(ask())).toMatchObject({ code: 'agent_answer_too_large' });
      expect(sent).toBeLessThan(16 * 1_048_576);
    });

    it('with what is not HTTP', async () => {
      const tcp = createTcpServer((socket) =>
        socket.on('error', () => undefined).end('SSH-2.0-OpenSSH_9.2\r\n', () => socket.destroySoon()),
      );
      await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
      const url = `http://127.0.0.1:${(tcp.address() as AddressInfo).port}/`;
      expect(await failureOf(chat.ask(agentAt(url), turn(), never))).toMatchObject({ code: 'agent_answer_invalid' });
      tcp.close();
    });

    it('when nothing listens', async () => {
      const gone = await serve(() => undefined);
      await gone.close();
      expect(await failureOf(chat.ask(agentAt(gone.url), turn(), never))).toMatchObject({ code: 'agent_unreachable', retryable: true });
    });

    it('when its host does not resolve', async () => {
      const client = new AgentHttpClient(new Egress('', () => Promise.reject(Object.assign(new Error('x'), { code: 'ENOTFOUND' }))));
      const failure = await failureOf(new ChatClient(client).ask(agentAt('https://gone.example/'), turn(), never));
      expect(failure).toMatchObject({ code: 'agent_unreachable' });
      await client.onApplicationShutdown();
    });

    it('when it speaks no TLS', async () => {
      const url = server.url.replace('http:', 'https:');
      expect(await failureOf(chat.ask(agentAt(url), turn(), never))).toMatchObject({ code: 'agent_unreachable', retryable: false });
    });

    it('when its credential does not fit into a header', async () => {
      const failure = await failureOf(ask(never, { credential: `${CREDENTIAL}\r\nX-Evil: 1` }));
      expect(failure).toMatchObject({ code: 'agent_error', retryable: false });
      expect(received).toEqual([]);
    });

    it('when its address is private at connect, whatever it was before', async () => {
      const addresses = [[{ address: '93.184.216.34', family: 4 }], [{ address: '127.0.0.1', family: 4 }]];
      const egress = new Egress('', async () => addresses.shift()!);
      const client = new AgentHttpClient(egress);
      const url = `https://rebind.example:${server.port}/agent`;
      const before = server.connections();
      await egress.check(url);
      expect(await failureOf(new ChatClient(client).ask(agentAt(url), turn(), never))).toMatchObject({
        code: 'agent_refused',
        retryable: false,
      });
      expect(server.connections()).toBe(before);
      await client.onApplicationShutdown();
    });
  });

  describe('an abort', () => {
    /** Resolves when the agent sees its connection closed. */
    const closing = (start: (response: ServerResponse) => void) => {
      let isOpen: () => void;
      const opened = new Promise<void>((resolve) => (isOpen = resolve));
      const closed = new Promise<void>((resolve) => {
        answering = (_, response) => {
          response.on('close', resolve);
          start(response);
          isOpen();
        };
      });
      return { opened, closed };
    };

    const hangs = () => undefined;
    const drips = (response: ServerResponse) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const timer = setInterval(() => response.write(' '), 20);
      response.on('close', () => clearInterval(timer));
    };

    it.each([
      ['hangs', hangs],
      ['drips its answer', drips],
    ])('of the time limit ends a call to an agent that %s and closes the connection', async (_, start) => {
      const { closed } = closing(start);
      const failure = await failureOf(ask(AbortSignal.timeout(100)));
      expect(failure).toMatchObject({ code: 'agent_timeout', retryable: true });
      await closed;
    });

    it.each([
      ['hangs', hangs],
      ['drips its answer', drips],
    ])('of the turn ends a call to an agent that %s and closes the connection', async (_, start) => {
      const { opened, closed } = closing(start);
      const cancel = new AbortController();
      const failing = failureOf(ask(cancel.signal));
      await opened;
      cancel.abort();
      expect(await failing).toMatchObject({ code: 'turn_cancelled', retryable: false });
      await closed;
    });

    it('is felt while the connection is still being made', async () => {
      const client = new AgentHttpClient(new Egress('', () => new Promise(() => undefined)));
      const failure = await failureOf(new ChatClient(client).ask(agentAt('https://slow-dns.example/'), turn(), AbortSignal.timeout(50)));
      expect(failure).toMatchObject({ code: 'agent_timeout' });
      await client.onApplicationShutdown();
    });

    it('before the call makes no request', async () => {
      expect(await failureOf(ask(AbortSignal.abort()))).toMatchObject({ code: 'turn_cancelled' });
      expect(received).toEqual([]);
    });
  });

  describe('a notice', () => {
    const notice = { type: 'session.end', ...turn() } as const;

    it('is sent to an agent that answered this type at its probe', async () => {
      answering = json({ type: 'session.ack' });
      expect(await chat.tell(agentAt(server.url, { requestTypes: ['session.end'] }), notice, never)).toBe(true);
      expect(JSON.parse(received[0]!.body)).toMatchObject({
        type: 'session.end',
        session_id: 'session-handle-1',
        phone_number: 'contact-1',
      });
      expect(received[0]!.body).not.toContain('4711');
    });

    it('is not sent to an agent that did not', async () => {
      expect(await chat.tell(agentAt(server.url), notice, never)).toBe(false);
      expect(received).toEqual([]);
    });

    it('needs its own kind of acknowledgement', async () => {
      answering = json({ type: 'context.ack' });
      const told = chat.tell(agentAt(server.url, { requestTypes: ['session.end'] }), notice, never);
      expect(await failureOf(told)).toMatchObject({ code: 'agent_answer_invalid' });
    });
  });
});
