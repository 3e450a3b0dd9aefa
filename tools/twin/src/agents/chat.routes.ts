import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AgentQuery, isIdempotent } from './agent-query.js';
import type { AgentControl } from './agent-control.js';
import type { CallLog } from './call-log.js';
import { ANSWER_TYPES, ChatEnvelope, chatResponse, errorEnvelope, REQUEST_TYPES } from './chat-envelope.js';
import type { Conversations } from './conversations.js';
import { wording } from './wording.js';

const DRIP_MS = 200;

/** A sample agent in the `chat` dialect; its URL's parameters say how it behaves. */
export const chatRoutes =
  (parts: { calls: CallLog; control: AgentControl; conversations: Conversations }) =>
  async (app: FastifyInstance): Promise<void> => {
    const { calls, control, conversations } = parts;

    app.get('/agents/chat/health', async (request, reply) => {
      const { name = 'chat' } = AgentQuery.parse(request.query);
      if (control.of(name).down) return reset(request, reply);
      return { status: 'ok', agent: name };
    });

    app.post('/agents/chat', async (request, reply) => {
      const startedAt = Date.now();
      const query = AgentQuery.parse(request.query);
      const { name = 'chat' } = query;
      if (control.of(name).down) return reset(request, reply);
      const parsed = ChatEnvelope.safeParse(request.body);
      if (!parsed.success) return reply.code(400).send(errorEnvelope(undefined, 'invalid_request', parsed.error.message));
      const envelope = parsed.data;
      const { type, session_id: sessionId } = envelope;
      const turnId = envelope.metadata?.turn_id ?? null;
      const idempotencyKey = header(request, 'idempotency-key');
      const over = calls.start({
        agent: name,
        type,
        session_id: sessionId ?? null,
        message: envelope.message ?? null,
        turn_id: turnId,
        idempotency_key: idempotencyKey,
        message_ids: envelope.metadata?.message_ids ?? [],
      });
      const hungUp = new AbortController();
      control.enter(name, request.raw.socket);
      reply.raw.once('close', () => {
        control.leave(request.raw.socket);
        over(reply.raw.writableFinished ? 'finished' : 'aborted');
        hungUp.abort();
      });

      if (query.types !== undefined && !query.types.split(',').includes(type)) {
        return reply.code(400).send(errorEnvelope(sessionId, 'unknown_type', `This agent does not answer ${type}`));
      }
      if (type !== 'chat.request') return acknowledge(envelope, query);

      const { mode = query.mode, delay_ms } = control.of(name);
      const delayMs = query.delay_ms + delay_ms;
      if (delayMs > 0) await sleep(delayMs, undefined, { signal: hungUp.signal }).catch(() => undefined);
      // Nobody listens any longer: a turn that was taken back is not counted.
      if (hungUp.signal.aborted) return reply.hijack();
      if (sessionId === undefined || envelope.message === undefined) {
        return reply.code(400).send(errorEnvelope(sessionId, 'invalid_request', 'session_id and message are required'));
      }
      if (mode === 'redirect') return reply.redirect('/agents/chat?mode=echo', 307);
      if (mode === 'reset') return reset(request, reply);
      if (mode === 'hang') return reply.hijack();
      if (mode === 'drip') return drip(reply);
      if (mode === 'garbage') return reply.type('application/json').send('{"type":"chat.response","message":"cut off');
      if (mode === 'error') return errorEnvelope(sessionId, 'agent_error', 'The sample agent was told to fail');
      if (mode === 'error500') return reply.code(500).send(errorEnvelope(sessionId, 'internal_error', 'The sample agent was told to fail'));
      const key = isIdempotent(query) ? (idempotencyKey ?? turnId) : null;
      const text = envelope.message;
      const { message, turn } = conversations.answer(`${name} ${sessionId}`, key, (count) => wording({ ...query, mode }, text, count));
      const response = chatResponse(mode === 'wrong_session' ? `not-${sessionId}` : sessionId, message, turn, Date.now() - startedAt);
      return mode === 'wrong_type' ? { ...response, type: 'context.ack' } : response;
    });

    const acknowledge = ({ type, session_id: sessionId }: ChatEnvelope, query: AgentQuery) => {
      const answer = { type: ANSWER_TYPES[type], session_id: sessionId ?? null };
      switch (type) {
        case 'capability.query':
          return { ...answer, capabilities: { request_types: query.types?.split(',') ?? REQUEST_TYPES, idempotent: isIdempotent(query) } };
        case 'session.end':
          conversations.end(`${query.name ?? 'chat'} ${sessionId}`);
          return { ...answer, status: 'ended' };
        case 'session.init':
          return { ...answer, status: 'started' };
        default:
          return { ...answer, status: 'ok' };
      }
    };
  };

const header = (request: FastifyRequest, name: string): string | null => {
  const value = request.headers[name];
  return typeof value === 'string' ? value : null;
};

const reset = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
  request.raw.socket.resetAndDestroy();
  return reply.hijack();
};

/** An answer that starts well and never ends. */
const drip = (reply: FastifyReply): FastifyReply => {
  reply.hijack();
  reply.raw.writeHead(200, { 'content-type': 'application/json' });
  reply.raw.write('{"type":"chat.response","message":"');
  const drops = setInterval(() => reply.raw.write('.'), DRIP_MS);
  reply.raw.once('close', () => clearInterval(drops));
  return reply;
};
