import { Client, StreamableHTTPClientTransport, type PriorDiscovery, type jsonSchemaValidator } from '@modelcontextprotocol/client';
import { z } from 'zod';
import type { AgentEndpoint } from './agent.js';
import type { AgentHttpClient } from './agent-http.client.js';

const CONNECT_LIMIT_MS = 5_000;
const MAX_LIST_PAGES = 5;
/** A discover result is the agent's own text; what we keep of it between connections has a limit. */
const MAX_PRIOR_CHARS = 65_536;
const CLIENT_INFO = { name: 'darkspere', version: '0.1.0' };

const Prior = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('modern'), discover: z.looseObject({}) }),
  z.object({ kind: z.literal('legacy') }),
]);

/** Reads what a probe stored; null when it is nothing we can use. */
export const readPrior = (stored: unknown): PriorDiscovery | null => {
  const parsed = Prior.safeParse(stored);
  return parsed.success ? (parsed.data as PriorDiscovery) : null;
};

/** A live SDK client, negotiated once, usable for any number of concurrent calls. */
export interface McpConnection {
  readonly client: Client;
  /** What saves the next connection the negotiation; null when it is too large to keep. */
  readonly prior: PriorDiscovery | null;
  /** Ends the agent's session, if it has one (2025 revisions), and drops what is in flight. Never rejects. */
  close(): Promise<void>;
}

/**
 * Connects to an agent's MCP endpoint, either revision: `prior` is adopted as it is, otherwise `server/discover` and, if
 * need be, `initialize` are sent. Takes at most 5 s a step.
 */
export const openMcp = async (http: AgentHttpClient, agent: AgentEndpoint, prior: PriorDiscovery | null): Promise<McpConnection> => {
  const client = new Client(CLIENT_INFO, {
    versionNegotiation: { mode: 'auto', probe: { timeoutMs: CONNECT_LIMIT_MS } },
    inputRequired: { autoFulfill: false },
    listMaxPages: MAX_LIST_PAGES,
    jsonSchemaValidator: acceptAll,
  });
  const transport = new StreamableHTTPClientTransport(new URL(agent.endpointUrl), {
    fetch: withoutEventStream(http.fetch),
    requestInit: { redirect: 'error', headers: agent.credential === null ? {} : { authorization: `Bearer ${agent.credential}` } },
    reconnectionOptions: { maxRetries: 0, initialReconnectionDelay: 0, maxReconnectionDelay: 0, reconnectionDelayGrowFactor: 1 },
  });
  await client.connect(transport, { timeout: CONNECT_LIMIT_MS, ...(prior && { prior }) });
  return {
    client,
    prior: priorOf(client),
    close: async () => {
      await transport.terminateSession().catch(() => undefined);
      await client.close().catch(() => undefined);
    },
  };
};

const priorOf = (client: Client): PriorDiscovery | null => {
  const discover = client.getDiscoverResult();
  if (discover === undefined) return { kind: 'legacy' };
  return JSON.stringify(discover).length > MAX_PRIOR_CHARS ? null : { kind: 'modern', discover };
};

/** The 2025 revisions open a GET stream for what a server says unasked. We wait for nothing of that kind. */
const withoutEventStream =
  (fetch: AgentHttpClient['fetch']): AgentHttpClient['fetch'] =>
  async (url, init) =>
    init?.method === 'GET' ? new Response(null, { status: 405 }) : fetch(url, init);

/** Answers are judged by `readChatAnswer`. A stranger's JSON Schema, with regular expressions in it, is never compiled. */
const acceptAll: jsonSchemaValidator = {
  getValidator: () => (input) => ({ valid: true, data: input as never, errorMessage: undefined }),
};
