import { setTimeout as sleep } from 'node:timers/promises';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { AgentQuery, isIdempotent } from './agent-query.js';
import type { AgentControl } from './agent-control.js';
import type { CallLog } from './call-log.js';
import { Metadata } from './chat-envelope.js';
import type { Conversations } from './conversations.js';
import { wording } from './wording.js';

const ChatArguments = z.object({
  session_id: z.string(),
  message: z.string(),
  context: z.record(z.string(), z.unknown()).optional(),
  metadata: Metadata.optional(),
});
const ChatResult = z.object({
  message: z.string(),
  context_update: z.object({ session_state: z.record(z.string(), z.unknown()) }).optional(),
  metadata: z.record(z.string(), z.unknown()).optional(),
});

/** MCP has no key of its own for "the same call again"; mcp-adapter sends this one. */
const idempotencyKeyOf = (meta: Readonly<Record<string, unknown>> | undefined): string | null => {
  const key = meta?.['com.darkspere/idempotency-key'];
  return typeof key === 'string' ? key : null;
};

/** A sample agent that speaks MCP, both revisions, with one tool: `chat`. */
export const mcpRoutes =
  (parts: { calls: CallLog; control: AgentControl; conversations: Conversations }) =>
  async (app: FastifyInstance): Promise<void> => {
    const { calls, control, conversations } = parts;

    const agent = (request?: Request): McpServer => {
      const query = AgentQuery.parse(request ? Object.fromEntries(new URL(request.url).searchParams) : {});
      const { name = 'mcp' } = query;
      const server = new McpServer({ name: `twin-${name}`, version: '1.0.0' });
      const tool = {
        title: 'Chat',
        description: 'Answers one message of a conversation.',
        inputSchema: ChatArguments,
        outputSchema: ChatResult,
        annotations: { idempotentHint: isIdempotent(query), readOnlyHint: false, destructiveHint: false, openWorldHint: false },
      };
      server.registerTool('chat', tool, async ({ session_id: sessionId, message: text, metadata }, context) => {
        const { signal } = context.mcpReq;
        const idempotencyKey = idempotencyKeyOf(context.mcpReq._meta);
        const turnId = metadata?.turn_id ?? null;
        const over = calls.start({
          agent: name,
          type: 'tools/call',
          session_id: sessionId,
          message: text,
          turn_id: turnId,
          idempotency_key: idempotencyKey,
          message_ids: metadata?.message_ids ?? [],
        });
        const { mode = query.mode, delay_ms } = control.of(name);
        const delayMs = mode === 'hang' ? 2 ** 31 - 1 : query.delay_ms + delay_ms;
        if (delayMs > 0) await sleep(delayMs, undefined, { signal }).catch(() => undefined);
        over(signal.aborted ? 'aborted' : 'finished');
        if (signal.aborted) throw new Error('The caller hung up');
        if (mode === 'error' || mode === 'error500') throw new Error('The sample agent was told to fail');
        const key = isIdempotent(query) ? (idempotencyKey ?? turnId) : null;
        const { message, turn } = conversations.answer(`${name} ${sessionId}`, key, (count) => wording({ ...query, mode }, text, count));
        const answer = { message, context_update: { session_state: { turns: turn } }, metadata: { model_used: 'twin' } };
        return { content: [{ type: 'text', text: message }], structuredContent: answer };
      });
      return server;
    };
    const handler = createMcpHandler((context) => agent(context.requestInfo));
    const serve = toNodeHandler(handler);

    app.all('/agents/mcp', async (request, reply) => {
      const { name = 'mcp' } = AgentQuery.parse(request.query);
      const { socket } = request.raw;
      reply.hijack();
      if (control.of(name).down) return void socket.resetAndDestroy();
      control.enter(name, socket);
      reply.raw.once('close', () => control.leave(socket));
      await serve(request.raw, reply.raw, request.body);
    });

    app.addHook('onClose', async () => handler.close());
  };
