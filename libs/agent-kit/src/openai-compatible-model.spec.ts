import { ModelServer } from './model-server.fixture.js';
import { OpenAiCompatibleModel } from './openai-compatible-model.js';

const request = { system: 'be brief', messages: [{ role: 'user' as const, content: 'hi' }], maxTokens: 50 };

describe('OpenAiCompatibleModel', () => {
  let server: ModelServer;
  const model = (options: { apiKey?: string; timeoutMs?: number } = {}) =>
    new OpenAiCompatibleModel({ baseUrl: server.url, model: 'tiny', ...options });

  beforeAll(async () => {
    server = await ModelServer.start();
  });
  afterAll(() => server.stop());
  beforeEach(() => {
    server.requests.length = 0;
  });

  it('asks /chat/completions with the system prompt first and returns text, model and usage', async () => {
    server.behaviour = { text: ' Hello. ' };
    expect(await model({ apiKey: 'secret' }).complete(request)).toEqual({
      text: 'Hello.',
      model: 'stub-1',
      usage: { inputTokens: 11, outputTokens: 7 },
    });
    expect(server.requests).toEqual([
      {
        path: '/v1/chat/completions',
        authorization: 'Bearer secret',
        body: {
          model: 'tiny',
          max_tokens: 50,
          messages: [
            { role: 'system', content: 'be brief' },
            { role: 'user', content: 'hi' },
          ],
        },
      },
    ]);
  });

  it('needs no key', async () => {
    server.behaviour = { text: 'ok' };
    await model().complete(request);
    expect(server.requests[0]!.authorization).toBe('Bearer none');
  });

  it('tries a failing server once more and then rejects', async () => {
    server.behaviour = { status: 500, headers: { 'retry-after-ms': '1' } };
    await expect(model().complete(request)).rejects.toMatchObject({ status: 500 });
    expect(server.requests).toHaveLength(2);
  });

  it('does not repeat a request that is refused', async () => {
    server.behaviour = { status: 401 };
    await expect(model().complete(request)).rejects.toMatchObject({ status: 401 });
    expect(server.requests).toHaveLength(1);
  });

  it.each([
    ['a server that hangs', 'hang' as const],
    ['a Retry-After that is longer than the timeout', { status: 503, headers: { 'retry-after': '2' } }],
  ])('gives up on %s when the timeout is over, the retry included', async (_, behaviour) => {
    server.behaviour = behaviour;
    const startedAt = performance.now();
    await expect(model({ timeoutMs: 150 }).complete(request)).rejects.toThrow();
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });

  it('stops when the caller does', async () => {
    server.behaviour = 'hang';
    await expect(model().complete({ ...request, signal: AbortSignal.timeout(50) })).rejects.toThrow();
  });

  it.each(['', '   ', '{"id":1}', '{"choices":[]}', '<html>', 'null'])('rejects when there is no text in %j', async (content) => {
    server.behaviour = content.startsWith('{') || content.startsWith('<') || content === 'null' ? { body: content } : { text: content };
    await expect(model().complete(request)).rejects.toThrow();
  });
});
