import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the stub does with a request: an answer's text, a status, or silence. */
export type Behaviour = { text: string } | { status: number; headers?: Record<string, string> } | { body: string } | 'hang';

/** A real HTTP server that speaks as much of OpenAI's chat completions as the tests need. */
export class ModelServer {
  behaviour: Behaviour = { text: 'ok' };
  readonly requests: { authorization: string | undefined; path: string | undefined; body: Record<string, unknown> }[] = [];
  private constructor(private readonly server: Server) {}

  static async start(): Promise<ModelServer> {
    const server = createServer((request, response) => {
      void read(request).then((body) => {
        stub.requests.push({
          authorization: request.headers.authorization,
          path: request.url,
          body: JSON.parse(body) as Record<string, unknown>,
        });
        const { behaviour } = stub;
        if (behaviour === 'hang') return;
        if ('status' in behaviour) return void response.writeHead(behaviour.status, behaviour.headers).end('{"error":{"message":"no"}}');
        response.setHeader('content-type', 'application/json');
        response.end('body' in behaviour ? behaviour.body : JSON.stringify(completion(behaviour.text)));
      });
    });
    const stub = new ModelServer(server);
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    return stub;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/v1`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }
}

const completion = (content: string) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'stub-1',
  choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content } }],
  usage: { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 },
});

const read = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
};
