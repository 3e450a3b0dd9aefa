import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node';
import { McpServer, createMcpHandler, type ToolAnnotations } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { bodyOf, serve, type TestServer } from './agents.fixture.js';

/** What a `chat` tool does with a call: `signal` aborts when the caller gave up. */
export type ChatTool = (call: { args: Record<string, unknown>; meta: Record<string, unknown>; signal: AbortSignal }) => unknown;

export interface McpFixture extends TestServer {
  /** JSON-RPC methods and HTTP methods other than POST, in the order received. */
  readonly received: string[];
  readonly headers: IncomingMessage['headers'][];
  readonly bodies: unknown[];
  tool: ChatTool;
  /** Answers instead of the MCP server, when set. */
  instead: ((request: IncomingMessage, response: ServerResponse, method: string) => boolean) | null;
  /** Forgets all sessions, as a restarted server does (2025 revision). */
  forgetSessions(): void;
}

export type Revision = '2026-07-28' | '2025-11-25';

interface Options {
  toolName?: string;
  annotations?: ToolAnnotations;
  inputSchema?: z.ZodType;
}

const Arguments = z.object({
  session_id: z.string(),
  message: z.string(),
  context: z.record(z.string(), z.unknown()).optional(),
  metadata: z.record(z.string(), z.unknown()).optional(),
});

/** A real MCP server of the official SDK: stateless in the 2026 revision, with sessions in the 2025 one. */
export const serveMcp = async (revision: Revision, options: Options = {}): Promise<McpFixture> => {
  const buildServer = (): McpServer => {
    const server = new McpServer({ name: 'test-agent', version: '1.0.0' });
    server.registerTool(
      options.toolName ?? 'chat',
      { inputSchema: (options.inputSchema ?? Arguments) as typeof Arguments, annotations: options.annotations ?? {} },
      async (args, context) =>
        (await fixture.tool({
          args,
          meta: (context.mcpReq._meta ?? {}) as Record<string, unknown>,
          signal: context.mcpReq.signal,
        })) as never,
    );
    return server;
  };

  const stateless = toNodeHandler(createMcpHandler(buildServer));
  const sessions = new Map<string, NodeStreamableHTTPServerTransport>();
  const sessionful = async (request: IncomingMessage, response: ServerResponse, body: unknown) => {
    const known = sessions.get(String(request.headers['mcp-session-id']));
    if (known) return known.handleRequest(request, response, body);
    if ((body as { method?: string } | undefined)?.method !== 'initialize') {
      const status = request.headers['mcp-session-id'] ? 404 : 400;
      return response
        .writeHead(status)
        .end(JSON.stringify({ jsonrpc: '2.0', error: { code: -32_000, message: 'echo: no session' }, id: null }));
    }
    const transport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      enableJsonResponse: true,
      onsessioninitialized: (id) => void sessions.set(id, transport),
    });
    await buildServer().connect(transport);
    return transport.handleRequest(request, response, body);
  };

  const received: string[] = [];
  const headers: IncomingMessage['headers'][] = [];
  const bodies: unknown[] = [];
  const server = await serve(async (request, response) => {
    const text = await bodyOf(request);
    const body = text === '' ? undefined : (JSON.parse(text) as { method: string });
    const method = request.method === 'POST' ? (body?.method ?? 'response') : request.method!;
    received.push(method);
    headers.push(request.headers);
    bodies.push(body);
    if (fixture.instead?.(request, response, method)) return;
    await (revision === '2026-07-28' ? stateless(request, response, body) : sessionful(request, response, body));
  });
  const fixture: McpFixture = {
    ...server,
    received,
    headers,
    bodies,
    tool: () => ({ content: [], structuredContent: { message: 'Hi there' } }),
    instead: null,
    forgetSessions: () => sessions.clear(),
  };
  return fixture;
};
