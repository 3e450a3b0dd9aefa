import { jest } from '@jest/globals';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ProbeReport } from '@darkspere/contracts';
import { Egress } from '@darkspere/platform';
import { z } from 'zod';
import { AgentHttpClient } from './agent-http.client.js';
import { agentAt, bodyOf, CREDENTIAL, serve, type TestServer } from './agents.fixture.js';
import { ChatClient } from './chat.client.js';
import { ANSWER_TYPE, type ChatRequestType } from './chat.envelope.js';
import { ChatProbe, testTurn } from './chat.probe.js';
import { serveMcp, type McpFixture } from './mcp.fixture.js';
import { McpProbe } from './mcp.probe.js';
import { ProbeService } from './probe.service.js';

describe('ProbeService', () => {
  const egress = new Egress('127.0.0.0/8');
  let http: AgentHttpClient;
  let probes: ProbeService;
  let server: TestServer | McpFixture;

  beforeEach(() => {
    http = new AgentHttpClient(egress);
    probes = new ProbeService(egress, new McpProbe(http), new ChatProbe(new ChatClient(http)));
  });
  afterEach(async () => {
    await http.onApplicationShutdown();
    await server.close();
  });

  const probe = async (over = {}) => {
    const report = await probes.probe(agentAt(server.url, { dialect: null, ...over }));
    expect(ProbeReport.parse(report)).toEqual(report);
    expect(JSON.stringify(report)).not.toContain(CREDENTIAL);
    return report;
  };
  const failed = (report: ProbeReport) => report.checks.filter(({ passed }) => !passed).map(({ name }) => name);

  /** An agent of the chat dialect that knows the given request types. */
  const serveChat = async (
    known: readonly ChatRequestType[],
    more: object = {},
    instead: (request: IncomingMessage, response: ServerResponse) => boolean = () => false,
  ) => {
    const seen: { type: string; session_id: string; metadata: Record<string, unknown> }[] = [];
    server = await serve(async (request, response) => {
      const text = await bodyOf(request);
      if (instead(request, response)) return;
      if (request.method === 'GET') return response.writeHead(request.url === '/agent/health' ? 200 : 404).end('ok');
      const body = JSON.parse(text);
      seen.push(body);
      const type = known.find((candidate) => candidate === body.type);
      response.writeHead(type ? 200 : 400, { 'content-type': 'application/json' });
      response.end(
        JSON.stringify(type ? { type: ANSWER_TYPE[type], session_id: body.session_id, message: 'Hi', ...more } : { error: CREDENTIAL }),
      );
    });
    return seen;
  };

  describe('of an agent that speaks MCP', () => {
    it.each(['2026-07-28', '2025-11-25'] as const)(
      'passes one of revision %s with a chat tool, which it does not call',
      async (revision) => {
        const mcp = (server = await serveMcp(revision));
        expect(await probe()).toMatchObject({
          passed: true,
          dialect: 'mcp',
          protocolVersion: revision,
          tools: ['chat'],
          isIdempotent: false,
        });
        expect(mcp.received).not.toContain('tools/call');
      },
    );

    it('gives what a later connection can reuse', async () => {
      server = await serveMcp('2026-07-28');
      expect(await probe()).toMatchObject({
        prior: { kind: 'modern', discover: { supportedVersions: expect.arrayContaining(['2026-07-28']) } },
      });
    });

    it('takes the idempotency hint of the chat tool', async () => {
      server = await serveMcp('2026-07-28', { annotations: { idempotentHint: true } });
      expect(await probe()).toMatchObject({ passed: true, isIdempotent: true });
    });

    it('does not pass one without a chat tool, and says what to offer', async () => {
      server = await serveMcp('2026-07-28', { toolName: 'talk' });
      const report = await probe();
      expect(report).toMatchObject({ passed: false, dialect: 'mcp', tools: ['talk'] });
      expect(failed(report)).toEqual(['mcp.tools']);
      expect(report.checks.at(-1)!.fix).toContain('"chat"');
    });

    it('does not pass a chat tool that requires what we do not have', async () => {
      server = await serveMcp('2026-07-28', { inputSchema: z.object({ message: z.string(), user_email: z.string() }) });
      expect(failed(await probe())).toEqual(['mcp.arguments']);
    });

    it('does not pass one that does not list its tools', async () => {
      const mcp = (server = await serveMcp('2026-07-28'));
      mcp.instead = (_, response, method) => method === 'tools/list' && !!response.writeHead(500).end(CREDENTIAL);
      expect(failed(await probe())).toEqual(['mcp.tools']);
    });
  });

  describe('of an agent that speaks the chat dialect', () => {
    it('passes one that answers, and finds out which request types it knows', async () => {
      await serveChat(['chat.request', 'capability.query', 'health.check']);
      const report = await probe();
      expect(report).toMatchObject({ passed: true, dialect: 'chat', protocolVersion: null, isIdempotent: false });
      expect(report.requestTypes).toEqual(['chat.request', 'capability.query', 'health.check']);
      expect(failed(report)).toEqual([]);
      expect(report.latencyMs).not.toBeNull();
    });

    it('knows all six', async () => {
      await serveChat(Object.keys(ANSWER_TYPE) as ChatRequestType[]);
      expect((await probe()).requestTypes.toSorted()).toEqual(Object.keys(ANSWER_TYPE).toSorted());
    });

    it('asks in a session of its own, marked as a test', async () => {
      const seen = await serveChat(['chat.request']);
      await probe({ dialect: 'chat' });
      expect(new Set(seen.map(({ session_id }) => session_id)).size).toBe(1);
      expect(seen[0]!.session_id).toMatch(/^test-/);
      expect(seen.every(({ metadata }) => metadata.test === true)).toBe(true);
    });

    it.each([
      ['idempotent: true', { idempotent: true }],
      ['capabilities.idempotent: true', { capabilities: { idempotent: true } }],
    ])('takes %s as a declaration', async (_, more) => {
      await serveChat(['chat.request', 'capability.query'], more);
      expect(await probe()).toMatchObject({ isIdempotent: true });
    });

    it('takes no other answer as a declaration', async () => {
      await serveChat(['chat.request', 'capability.query'], { capabilities: null, idempotent: 'yes' });
      expect(await probe()).toMatchObject({ passed: true, isIdempotent: false });
    });

    it('passes one without a health page, and says that it may have one', async () => {
      await serveChat(['chat.request'], {}, (request, response) => request.method === 'GET' && !!response.writeHead(404).end());
      const report = await probe();
      expect(report.passed).toBe(true);
      expect(report.checks.find(({ name }) => name === 'chat.health')!.fix).toMatch(/^Optional/);
    });

    it('asks in no other dialect when one is fixed', async () => {
      const seen = await serveChat(['chat.request']);
      expect(await probe({ dialect: 'mcp' })).toMatchObject({ passed: false, dialect: null });
      expect(seen.some(({ type }) => type === 'chat.request')).toBe(false);
    });
  });

  describe('of an agent that fails', () => {
    it.each<[string, (request: IncomingMessage, response: ServerResponse) => unknown, RegExp]>([
      ['with HTTP 500', (_, response) => response.writeHead(500).end(CREDENTIAL), /HTTP 500/],
      ['with HTTP 401', (_, response) => response.writeHead(401).end(CREDENTIAL), /did not accept our credential/],
      ['with a page', (request, response) => response.writeHead(request.method === 'GET' ? 404 : 200).end('<html>'), /content type/],
      ['with a redirect', (_, response) => response.writeHead(302, { location: '/' }).end(), /redirects are not followed/],
      ['by cutting the connection', (request) => request.socket.destroy(), /connection broke/],
    ])('%s is a report with what to fix in either dialect', async (_, answer, detail) => {
      await serveChat([], {}, (request, response) => (answer(request, response), true));
      const report = await probe();
      expect(report).toMatchObject({ passed: false, dialect: null });
      expect(failed(report)).toEqual(['mcp.connect', 'chat.request', 'chat.health']);
      expect(report.checks.find(({ name }) => name === 'chat.request')!.detail).toMatch(detail);
      expect(report.checks.every(({ passed, fix }) => passed || fix)).toBe(true);
    });

    it('because nothing listens', async () => {
      server = await serve(() => undefined);
      await server.close();
      const report = await probe();
      expect(report.passed).toBe(false);
      expect(report.checks[0]!.detail).toMatch(/takes no connection/);
    });

    it('because its endpoint is not allowed', async () => {
      server = await serve(() => undefined);
      const report = await probe({ endpointUrl: 'https://10.0.0.1/' });
      expect(failed(report)).toEqual(['endpoint']);
      expect(server.connections()).toBe(0);
    });

    it.each(['mcp', 'chat'] as const)('by hanging (%s) is a report too', async (dialect) => {
      await serveChat([], {}, () => true);
      const agent = agentAt(server.url, { dialect });
      const probing = dialect === 'mcp' ? new McpProbe(http) : new ChatProbe(new ChatClient(http));
      const report = await probing.probe(agent, AbortSignal.timeout(100), testTurn('1', new Date()));
      expect(report.checks[0]).toMatchObject({ passed: false, detail: 'The agent did not answer in time.' });
    });
  });

  it('gives a probe 15 s in all', async () => {
    server = await serve(() => undefined);
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate', 'performance'] });
    try {
      let signal: AbortSignal | undefined;
      const waiting = {
        probe: (_: unknown, given: AbortSignal) =>
          new Promise<never>((__, reject) => ((signal = given), given.addEventListener('abort', () => reject(given.reason)))),
      };
      const probing = new ProbeService(egress, waiting as never, waiting as never)
        .probe(agentAt(server.url, { dialect: null }))
        .catch(() => 'ended');
      await jest.advanceTimersByTimeAsync(14_999);
      expect(signal!.aborted).toBe(false);
      await jest.advanceTimersByTimeAsync(1);
      expect(await probing).toBe('ended');
    } finally {
      jest.useRealTimers();
    }
  });

  it('of a built-in agent passes without a call', async () => {
    server = await serve(() => undefined);
    expect(await probe({ dialect: 'builtin', endpointUrl: 'builtin:engagement-agent' })).toMatchObject({
      passed: true,
      dialect: 'builtin',
    });
    expect(server.connections()).toBe(0);
  });
});
