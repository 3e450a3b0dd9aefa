import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { createTwin } from '@darkspere/twin';
import type { Twin } from '@darkspere/twin';

interface Envelope {
  type: string;
  session_id: string;
  message: string;
  error: { code: string };
  capabilities: { request_types: string[]; idempotent: boolean };
  context_update: { session_state: { turns: number } };
}

let twin: Twin;
beforeEach(async () => {
  twin = await createTwin();
});
afterEach(() => twin.close());

describe('the sample agent of the chat dialect', () => {
  const post = (query: string, envelope: object, init: RequestInit = {}) =>
    fetch(`${twin.url}/agents/chat${query}`, {
      method: 'POST',
      redirect: 'manual',
      ...init,
      headers: { 'content-type': 'application/json', ...init.headers },
      body: JSON.stringify(envelope),
    });
  const chat = (query: string, message = 'hi', metadata: object = {}, init: RequestInit = {}) =>
    post(query, { type: 'chat.request', session_id: 's1', phone_number: 'c_1', message, metadata }, init);
  const said = async (query: string, message?: string, metadata?: object) =>
    (await (await chat(query, message, metadata)).json()) as Envelope;

  it('echoes, and counts the turns of each session on its own', async () => {
    expect(await said('', 'one')).toMatchObject({
      type: 'chat.response',
      session_id: 's1',
      message: 'echo: one',
      context_update: { session_state: { turns: 1 } },
    });
    expect((await said('', 'two')).context_update.session_state.turns).toBe(2);
    const other = (await (await post('', { type: 'chat.request', session_id: 's2', message: 'x' })).json()) as Envelope;
    expect(other.context_update.session_state.turns).toBe(1);
  });

  it.each([
    ['capability.query', 'capability.response'],
    ['context.update', 'context.ack'],
    ['session.init', 'session.ack'],
    ['session.end', 'session.ack'],
    ['health.check', 'health.ack'],
  ])('answers %s with %s', async (type, answer) => {
    expect(await (await post('', { type, session_id: 's1' })).json()).toMatchObject({ type: answer, session_id: 's1' });
  });

  it('forgets a session that has ended', async () => {
    await said('');
    await post('', { type: 'session.end', session_id: 's1' });
    expect((await said('')).context_update.session_state.turns).toBe(1);
  });

  it('declares that it is idempotent only when its URL says so, and then is', async () => {
    const capabilities = async (query: string) =>
      ((await (await post(query, { type: 'capability.query' })).json()) as Envelope).capabilities;
    expect((await capabilities('')).idempotent).toBe(false);
    expect((await capabilities('?idempotent=1')).idempotent).toBe(true);
    expect((await capabilities('?merge=1')).idempotent).toBe(true);
    const query = '?mode=counter&idempotent=1';
    expect((await said(query, 'a', { turn_id: 't1' })).message).toBe('#1: a');
    expect((await said(query, 'a', { turn_id: 't1' })).message).toBe('#1: a');
    expect((await said(query, 'b', { turn_id: 't2' })).message).toBe('#2: b');
  });

  it('refuses request types that its URL leaves out, and those that do not exist', async () => {
    const query = '?types=chat.request,capability.query';
    expect(((await (await post(query, { type: 'capability.query' })).json()) as Envelope).capabilities.request_types).toEqual([
      'chat.request',
      'capability.query',
    ]);
    expect((await post(query, { type: 'session.init', session_id: 's1' })).status).toBe(400);
    expect((await post('', { type: 'chat.delete' })).status).toBe(400);
    expect((await post('', { type: 'chat.request', session_id: 's1' })).status).toBe(400);
    expect((await post('?mode=nonsense', { type: 'health.check' })).status).toBe(400);
  });

  it('misbehaves on demand, and only when it is asked to chat', async () => {
    expect((await said('?mode=wrong_type')).type).toBe('context.ack');
    expect((await said('?mode=wrong_session')).session_id).toBe('not-s1');
    expect((await said('?mode=empty')).message).toBe('');
    expect((await said('?mode=huge&size=100000')).message).toHaveLength(100_000);
    expect(await said('?mode=error')).toMatchObject({ type: 'error', error: { code: 'agent_error' } });
    expect((await chat('?mode=error500')).status).toBe(500);
    expect((await chat('?mode=redirect')).status).toBe(307);
    await expect((await chat('?mode=garbage')).json()).rejects.toThrow();
    await expect(chat('?mode=reset')).rejects.toThrow();
    expect((await post('?mode=error500', { type: 'health.check' })).status).toBe(200);
  });

  it.each(['hang', 'drip'])('%s: never ends, and the call log tells that the caller hung up', async (mode) => {
    await expect(chat(`?mode=${mode}`, 'x', {}, { signal: AbortSignal.timeout(100) }).then((r) => r.text())).rejects.toThrow();
    await until(() => twin.calls()[0]?.outcome === 'aborted');
  });

  it('logs its calls with what identifies the turn, and does not count one that was taken back', async () => {
    const metadata = { turn_id: 't1', message_ids: ['m1', 'm2'] };
    await expect(chat('?name=slow&delay_ms=5000', 'a', metadata, { signal: AbortSignal.timeout(50) })).rejects.toThrow();
    await until(() => twin.calls()[0]?.outcome === 'aborted');
    await chat('?name=slow&delay_ms=20', 'a\nb', metadata, { headers: { 'idempotency-key': 'k1' } });
    await until(() => twin.calls()[1]?.outcome === 'finished');
    const [aborted, finished] = twin.calls();
    expect(aborted).toMatchObject({
      agent: 'slow',
      type: 'chat.request',
      session_id: 's1',
      message: 'a',
      ...metadata,
      idempotency_key: null,
    });
    expect(finished).toMatchObject({ message: 'a\nb', idempotency_key: 'k1' });
    expect(finished?.ms).toBeGreaterThanOrEqual(15);
    expect((await said('?name=slow&mode=counter', 'c')).message).toBe('#2: c');
    const log = async (path = '') => (await (await fetch(`${twin.url}/agents/calls${path}`)).json()) as { calls: { seq: number }[] };
    expect((await log('?after=1')).calls.map((call) => call.seq)).toEqual([2, 3]);
    await fetch(`${twin.url}/agents/calls`, { method: 'DELETE' });
    expect((await log()).calls).toEqual([]);
  });

  it('dies and slows down under control, alone or with the others', async () => {
    const put = (control: object) =>
      fetch(`${twin.url}/agents/control`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(control),
      });
    const health = (query = '') => fetch(`${twin.url}/agents/chat/health${query}`);
    expect((await health()).status).toBe(200);
    const underWay = chat('?name=a&mode=hang').catch(() => 'reset');
    await until(() => twin.calls().length === 1);
    await put({ agent: 'a', down: true });
    expect(await underWay).toBe('reset');
    await expect(chat('?name=a')).rejects.toThrow();
    await expect(health('?name=a')).rejects.toThrow();
    expect((await chat('?name=b')).status).toBe(200);
    await put({ agent: 'a', mode: 'error500' });
    expect((await chat('?name=a')).status).toBe(500);
    await put({ down: true });
    await expect(chat('?name=b')).rejects.toThrow();
    await put({ delay_ms: 60 });
    const startedAt = performance.now();
    expect((await chat('?name=a')).status).toBe(200);
    expect(performance.now() - startedAt).toBeGreaterThan(50);
    expect((await put({ dwn: true })).status).toBe(400);
  });
});

describe('the sample agent that speaks MCP', () => {
  const connect = async (query = '', mode: 'auto' | 'legacy' = 'auto') => {
    const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } });
    await client.connect(new StreamableHTTPClientTransport(new URL(`${twin.url}/agents/mcp${query}`)));
    return client;
  };
  const call = (client: Client, message: string, metadata?: object) =>
    client.callTool({ name: 'chat', arguments: { session_id: 's1', message, ...(metadata && { metadata }) } });

  it.each(['auto', 'legacy'] as const)('answers a client of either revision (%s)', async (mode) => {
    const client = await connect('', mode);
    expect((await client.listTools()).tools).toMatchObject([{ name: 'chat', annotations: { idempotentHint: false } }]);
    expect((await call(client, 'hi', { turn_id: 't1', message_ids: ['m1'] })).structuredContent).toMatchObject({
      message: 'echo: hi',
      context_update: { session_state: { turns: 1 } },
    });
    expect((await call(client, 'again')).structuredContent).toMatchObject({ context_update: { session_state: { turns: 2 } } });
    expect(twin.calls()[0]).toMatchObject({
      agent: 'mcp',
      type: 'tools/call',
      session_id: 's1',
      message: 'hi',
      turn_id: 't1',
      message_ids: ['m1'],
      outcome: 'finished',
    });
    await client.close();
  });

  it('declares that it is idempotent when its URL says so, and then is', async () => {
    const client = await connect('?idempotent=1&mode=counter');
    expect((await client.listTools()).tools).toMatchObject([{ annotations: { idempotentHint: true } }]);
    const messages = [];
    for (const turn_id of ['t1', 't1', 't2']) messages.push((await call(client, 'x', { turn_id })).structuredContent);
    expect(messages).toMatchObject([{ message: '#1: x' }, { message: '#1: x' }, { message: '#2: x' }]);
    const keyed = { name: 'chat', arguments: { session_id: 's1', message: 'x' }, _meta: { 'com.darkspere/idempotency-key': 'k1' } };
    for (let i = 0; i < 2; i += 1) expect((await client.callTool(keyed)).structuredContent).toMatchObject({ message: '#3: x' });
    expect(twin.calls().at(-1)).toMatchObject({ idempotency_key: 'k1' });
    await client.close();
  });

  it('fails, hangs and dies on demand', async () => {
    const client = await connect('?name=m');
    twin.control({ agent: 'm', mode: 'error' });
    expect((await call(client, 'x')).isError).toBe(true);
    twin.control({ agent: 'm', mode: 'hang' });
    await expect(client.callTool({ name: 'chat', arguments: { session_id: 's1', message: 'x' } }, { timeout: 100 })).rejects.toThrow();
    await until(() => twin.calls().at(-1)?.outcome === 'aborted');
    twin.control({ agent: 'm', down: true });
    await expect(call(client, 'x')).rejects.toThrow();
    await client.close();
  });
});

/** Polls, because what is awaited happens on the other side of a connection. */
const until = async (isTrue: () => boolean): Promise<void> => {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 2));
};
