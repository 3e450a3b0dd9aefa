import { inputRequired } from '@modelcontextprotocol/server';
import { Egress } from '@darkspere/platform';
import { AgentHttpClient } from './agent-http.client.js';
import { agentAt, CREDENTIAL, failureOf, serve, turn } from './agents.fixture.js';
import { McpClient } from './mcp.client.js';
import { McpConnections } from './mcp-connections.js';
import { serveMcp, type ChatTool, type McpFixture, type Revision } from './mcp.fixture.js';

const never = new AbortController().signal;

const answering =
  (structuredContent: unknown, content: unknown[] = []): ChatTool =>
  () => ({ content, structuredContent });

const text = (...texts: string[]) => ({ content: texts.map((value) => ({ type: 'text', text: value })) });

describe('McpClient', () => {
  let http: AgentHttpClient;
  let connections: McpConnections;
  let mcp: McpClient;
  let server: McpFixture;

  beforeEach(() => {
    http = new AgentHttpClient(new Egress('127.0.0.0/8'));
    connections = new McpConnections(http);
    mcp = new McpClient(connections);
  });
  afterEach(async () => {
    connections.onApplicationShutdown();
    await http.onApplicationShutdown();
    await server.close();
  });

  const ask = (signal: AbortSignal = never, over = {}) => mcp.ask(agentAt(server.url, { dialect: 'mcp', ...over }), turn(), signal);

  describe.each<Revision>(['2026-07-28', '2025-11-25'])('with an agent of revision %s', (revision) => {
    beforeEach(async () => {
      server = await serveMcp(revision);
    });

    it('calls the chat tool with the turn, the credential, the trace and the idempotency key', async () => {
      let call: Parameters<ChatTool>[0] | undefined;
      server.tool = (received) => {
        call = received;
        return {
          content: [],
          structuredContent: { message: 'Hi there', context_update: { session_state: { step: 2 } }, metadata: { model: 'x' } },
        };
      };
      expect(await ask()).toEqual({
        kind: 'text',
        message: 'Hi there',
        contextUpdate: { session_state: { step: 2 } },
        metadata: { model: 'x' },
      });
      expect(call!.args).toMatchObject({
        session_id: 'session-handle-1',
        message: turn().message,
        context: { phone_number: 'contact-1', session_state: { current_step: 'onboarding' }, conversation_history: [{ role: 'user' }] },
        metadata: { turn_id: turn().turnId, idempotency_key: turn().turnId, message_ids: turn().messageIds },
      });
      expect(call!.meta).toMatchObject({ traceparent: turn().traceparent, 'com.darkspere/idempotency-key': turn().turnId });
      expect(server.headers.at(-1)).toMatchObject({ authorization: `Bearer ${CREDENTIAL}` });
    });

    it('negotiates once for any number of calls', async () => {
      await Promise.all([ask(), ask(), ask()]);
      await ask();
      const negotiation = server.received.filter((method) => method !== 'tools/call');
      expect(negotiation).toEqual(
        revision === '2026-07-28' ? ['server/discover'] : ['server/discover', 'initialize', 'notifications/initialized'],
      );
      expect(server.received.filter((method) => method === 'tools/call')).toHaveLength(4);
    });

    it('opens no event stream', async () => {
      await ask();
      expect(server.received).not.toContain('GET');
    });

    it('takes text blocks when there is no structured content', async () => {
      server.tool = () => text('Hi', 'there');
      expect(await ask()).toEqual({ kind: 'text', message: 'Hi\nthere' });
    });

    it('takes an answer written as JSON text, and other text that looks like JSON as text', async () => {
      server.tool = () => text('{"message":"Hi there","metadata":{"a":1}}');
      expect(await ask()).toEqual({ kind: 'text', message: 'Hi there', metadata: { a: 1 } });
      server.tool = () => text('{braces} are fun');
      expect(await ask()).toEqual({ kind: 'text', message: '{braces} are fun' });
    });

    it.each<[string, string, boolean, ChatTool]>([
      ['reports an error', 'agent_error', true, () => ({ isError: true, ...text(`echo ${CREDENTIAL}`) })],
      [
        'throws',
        'agent_error',
        true,
        () => {
          throw new Error(`echo ${CREDENTIAL}`);
        },
      ],
      ['returns no text', 'agent_answer_invalid', false, () => ({ content: [] })],
      [
        'returns an image',
        'agent_answer_invalid',
        false,
        () => ({ content: [{ type: 'image', data: 'ZWNobw==', mimeType: 'image/png' }] }),
      ],
      ['returns an empty message', 'agent_answer_invalid', false, answering({ message: ' ' })],
      ['returns no message', 'agent_answer_invalid', false, answering({ echo: 1 })],
      ['returns an array', 'agent_answer_invalid', false, answering(['echo'])],
      ['answers another turn', 'agent_answer_invalid', false, answering({ message: 'echo', metadata: { turn_id: 'echo' } })],
      ['returns a message that is too long', 'agent_answer_too_large', false, answering({ message: 'x'.repeat(16_001) })],
      [
        'returns a state that is too large',
        'agent_answer_too_large',
        false,
        answering({ message: 'a', context_update: { session_state: { a: 'x'.repeat(65_536) } } }),
      ],
      ['returns more than 1 MB', 'agent_answer_too_large', false, () => text('x'.repeat(1_100_000))],
    ])('fails when the tool %s', async (_, code, retryable, tool) => {
      server.tool = tool;
      expect(await failureOf(ask())).toMatchObject({ code, retryable });
    });

    it.each<[string, string, boolean, McpFixture['instead']]>([
      ['HTTP 500', 'agent_error', true, (_, response) => !!response.writeHead(500).end('echo')],
      ['HTTP 401', 'agent_error', false, (_, response) => !!response.writeHead(401, { 'www-authenticate': 'Bearer echo' }).end('echo')],
      [
        'HTTP 403',
        'agent_error',
        false,
        (_, response) => !!response.writeHead(403, { 'www-authenticate': 'Bearer error="insufficient_scope"' }).end('echo'),
      ],
      ['a redirect', 'agent_error', false, (_, response) => !!response.writeHead(307, { location: '/echo' }).end()],
      [
        'another content type',
        'agent_answer_invalid',
        false,
        (_, response) => !!response.writeHead(200, { 'content-type': 'text/html' }).end('<p>echo'),
      ],
      [
        'what is not JSON',
        'agent_answer_invalid',
        false,
        (_, response) => !!response.writeHead(200, { 'content-type': 'application/json' }).end('echo'),
      ],
      [
        'what is not JSON-RPC',
        'agent_answer_invalid',
        false,
        (_, response) => !!response.writeHead(200, { 'content-type': 'application/json' }).end('{"echo":1}'),
      ],
      [
        'a content encoding',
        'agent_answer_invalid',
        false,
        (_, response) => !!response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end('echo'),
      ],
      ['a cut connection', 'agent_unreachable', true, (request) => !!request.socket.destroy()],
    ])('fails when the call is answered with %s', async (_, code, retryable, instead) => {
      await ask();
      server.instead = (request, response, method) => method === 'tools/call' && instead!(request, response, method);
      expect(await failureOf(ask())).toMatchObject({ code, retryable });
    });

    it.each<[string, string, McpFixture['instead']]>([
      ['HTTP 500', 'agent_error', (_, response) => !!response.writeHead(500).end('echo')],
      ['HTTP 401', 'agent_error', (_, response) => !!response.writeHead(401).end('echo')],
      ['HTTP 404', 'agent_error', (_, response) => !!response.writeHead(404).end('echo')],
      ['a redirect', 'agent_error', (_, response) => !!response.writeHead(302, { location: 'http://169.254.169.254/' }).end()],
      ['a cut connection', 'agent_unreachable', (request) => !!request.socket.destroy()],
    ])('fails when the negotiation is answered with %s, and asks again at the next call', async (_, code, instead) => {
      server.instead = instead;
      expect(await failureOf(ask())).toMatchObject({ code });
      server.instead = null;
      expect(await ask()).toMatchObject({ message: 'Hi there' });
    });

    it('fails as a timeout when the time limit aborts a hanging call', async () => {
      await ask();
      server.instead = (_, __, method) => method === 'tools/call';
      expect(await failureOf(ask(AbortSignal.timeout(100)))).toMatchObject({ code: 'agent_timeout', retryable: true });
    });

    it('fails as a timeout when the time limit aborts a hanging negotiation', async () => {
      server.instead = () => true;
      expect(await failureOf(ask(AbortSignal.timeout(100)))).toMatchObject({ code: 'agent_timeout' });
    });

    it('tells the agent that a call was cancelled', async () => {
      await ask();
      let tellAborted: () => void;
      const aborted = new Promise<void>((resolve) => (tellAborted = resolve));
      const cancel = new AbortController();
      server.tool = ({ signal }) => {
        signal.addEventListener('abort', () => tellAborted());
        cancel.abort();
        return new Promise(() => undefined);
      };
      expect(await failureOf(ask(cancel.signal))).toMatchObject({ code: 'turn_cancelled', retryable: false });
      await aborted;
    });

    it('makes no call when the turn was cancelled before', async () => {
      expect(await failureOf(ask(AbortSignal.abort()))).toMatchObject({ code: 'turn_cancelled' });
      expect(server.received).not.toContain('tools/call');
    });

    it('connects anew when the credential changed', async () => {
      await ask();
      await ask(never, { credential: 'another' });
      expect(server.headers.at(-1)).toMatchObject({ authorization: 'Bearer another' });
    });

    it('needs no discovery with what an earlier connection found out', async () => {
      let prior: unknown;
      await connections.use(agentAt(server.url), never, async (client) => {
        const discover = client.getDiscoverResult();
        prior = discover ? { kind: 'modern', discover } : { kind: 'legacy' };
      });
      server.received.length = 0;
      const later = new McpClient(new McpConnections(http));
      await later.ask(agentAt(server.url, { dialect: 'mcp', prior: JSON.parse(JSON.stringify(prior)) }), turn(), never);
      expect(server.received).not.toContain('server/discover');
    });

    it('negotiates when what is stored of an earlier connection is of no use', async () => {
      expect(await ask(never, { prior: { kind: 'klingon' } })).toMatchObject({ message: 'Hi there' });
      expect(await ask(never, { agentId: 'another', prior: { kind: 'modern', discover: { echo: 1 } } })).toMatchObject({
        message: 'Hi there',
      });
    });
  });

  it('asks again with a new session when the agent has forgotten the old one, and calls the tool once', async () => {
    server = await serveMcp('2025-11-25');
    await ask();
    server.forgetSessions();
    let calls = 0;
    server.tool = () => {
      calls += 1;
      return { content: [], structuredContent: { message: 'again' } };
    };
    expect(await Promise.all([ask(), ask(), ask()])).toHaveLength(3);
    expect(calls).toBe(3);
    expect(server.received.filter((method) => method === 'initialize')).toHaveLength(2);
  });

  it('lets a call in flight end before it ends the session that a new credential has replaced', async () => {
    server = await serveMcp('2025-11-25');
    await ask();
    let isCalled: () => void = () => undefined;
    let answer: () => void = () => undefined;
    const called = new Promise<void>((resolve) => (isCalled = resolve));
    const ended = new Promise<void>((resolve) => {
      server.instead = (_, __, method) => (method === 'DELETE' && resolve(), false);
    });
    server.tool = () =>
      new Promise((resolve) => {
        answer = () => resolve({ content: [], structuredContent: { message: 'late' } });
        isCalled();
      });
    const inFlight = ask();
    await called;
    server.tool = answering({ message: 'Hi there' });
    await ask(never, { credential: 'another' });
    expect(server.received).not.toContain('DELETE');
    answer();
    expect(await inFlight).toMatchObject({ message: 'late' });
    await ended;
  });

  it.each([
    ['moved to 2026-07-28', '2025-11-25', '2026-07-28'],
    ['moved back to 2025-11-25', '2026-07-28', '2025-11-25'],
  ] as const)('still gets an answer when the agent %s', async (_, before, after) => {
    server = await serveMcp(before);
    const moved = await serveMcp(after);
    await ask();
    // The same endpoint, answered by the other server from now on.
    server.instead = (request, response) => {
      void fetch(moved.url, {
        method: request.method!,
        headers: Object.fromEntries(
          Object.entries(request.headers).filter(([name]) => !/^(host|connection|content-length|transfer-encoding)$/.test(name)),
        ) as Record<string, string>,
        ...(request.method === 'POST' && { body: JSON.stringify(server.bodies.at(-1)) }),
      }).then(async (answer) => {
        response.writeHead(
          answer.status,
          Object.fromEntries([...answer.headers].filter(([name]) => !/^(connection|content-length|transfer-encoding)$/.test(name))),
        );
        response.end(await answer.text());
      });
      return true;
    };
    expect(await ask()).toMatchObject({ message: 'Hi there' });
    await moved.close();
  });

  describe('fails when the agent asks for input instead of answering', () => {
    const inputRequests = {
      name: {
        method: 'elicitation/create',
        params: { mode: 'form', message: 'echo', requestedSchema: { type: 'object', properties: {} } },
      },
    };

    it('and heeds that we offer none', async () => {
      server = await serveMcp('2026-07-28');
      server.tool = () => inputRequired({ inputRequests } as never);
      expect(await failureOf(ask())).toMatchObject({ code: 'agent_needs_input', retryable: false });
    });

    it('and does not heed it', async () => {
      server = await serveMcp('2026-07-28');
      await ask();
      server.instead = (_, response) => {
        const { id } = server.bodies.at(-1) as { id: number };
        const result = { resultType: 'input_required', inputRequests, requestState: 'echo' };
        return !!response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, result }));
      };
      expect(await failureOf(ask())).toMatchObject({ code: 'agent_needs_input', retryable: false });
    });
  });

  it('refuses an address that is private at connect', async () => {
    server = await serveMcp('2026-07-28');
    const guarded = new AgentHttpClient(new Egress(''));
    const failure = await failureOf(new McpClient(new McpConnections(guarded)).ask(agentAt(server.url), turn(), never));
    expect(failure).toMatchObject({ code: 'agent_refused', retryable: false });
    expect(server.connections()).toBe(0);
    await guarded.onApplicationShutdown();
  });

  it('fails as unreachable when nothing listens', async () => {
    server = await serveMcp('2026-07-28');
    const gone = await serve(() => undefined);
    await gone.close();
    expect(await failureOf(ask(never, { endpointUrl: gone.url }))).toMatchObject({ code: 'agent_unreachable', retryable: true });
  });

  it("never compiles an agent's JSON Schema", async () => {
    server = await serveMcp('2026-07-28');
    server.instead = (_, response, method) => {
      if (method !== 'tools/list') return false;
      const { id } = server.bodies.at(-1) as { id: number };
      const outputSchema = { type: 'object', properties: { message: { type: 'string', pattern: '^(a+)+$' } } };
      const tools = [{ name: 'chat', inputSchema: { type: 'object' }, outputSchema }];
      const result = { resultType: 'complete', tools, ttlMs: 60_000, cacheScope: 'private' };
      return !!response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, result }));
    };
    await connections.use(agentAt(server.url), never, (client) => client.listTools());
    server.tool = answering({ message: `${'a'.repeat(40)}!` });
    expect(await ask()).toMatchObject({ message: `${'a'.repeat(40)}!` });
  });
});
