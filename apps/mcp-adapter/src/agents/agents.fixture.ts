import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AgentEndpoint, TurnRequest } from './agent.js';
import { AgentFailure } from './agent-failure.js';

/** What must never show up in a failure. */
export const CREDENTIAL = 'sk-top-secret-credential';
export const MESSAGE = 'My PIN is 4711 and my number is +15555551234';

export const turn = (over: Partial<TurnRequest> = {}): TurnRequest => ({
  turnId: '0192f0c1-0000-7000-8000-000000000001',
  sessionHandle: 'session-handle-1',
  contactId: 'contact-1',
  message: MESSAGE,
  messageIds: ['0192f0c1-0000-7000-8000-00000000000a'],
  history: [{ role: 'user', content: 'Hello', timestamp: '2026-11-21T11:59:00.000Z' }],
  sessionState: { current_step: 'onboarding' },
  preferences: { language: 'en' },
  platform: 'sms',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  timestamp: '2026-11-21T12:00:00.000Z',
  ...over,
});

export const agentAt = (endpointUrl: string, over: Partial<AgentEndpoint> = {}): AgentEndpoint => ({
  agentId: '0192f0c1-0000-7000-8000-0000000000aa',
  dialect: 'chat',
  endpointUrl,
  credential: CREDENTIAL,
  requestTypes: ['chat.request'],
  prior: null,
  ...over,
});

export const failureOf = async (call: Promise<unknown>): Promise<AgentFailure> => {
  const failure = await call.then(
    () => Promise.reject(new Error('the agent did not fail')),
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(AgentFailure);
  const { message, code, details, stack } = failure as AgentFailure;
  expect(JSON.stringify({ message, code, details, stack })).not.toMatch(/top-secret|4711|5555551234|echo/);
  return failure as AgentFailure;
};

export interface TestServer {
  readonly url: string;
  readonly port: number;
  /** Connections that clients made. */
  connections(): number;
  close(): Promise<void>;
}

/** A real HTTP server on 127.0.0.1. */
export const serve = async (listener: RequestListener): Promise<TestServer> => {
  const server: Server = createServer(listener);
  let connections = 0;
  server.on('connection', () => (connections += 1));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/agent`,
    port,
    connections: () => connections,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
};

export const bodyOf = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
};
