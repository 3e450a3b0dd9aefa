import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { AgentEndpoint, AgentTransport, SessionNotice, TextReply, TurnRequest } from './agent.js';
import { readChatAnswer } from './agent-answer.js';
import { AgentFailure, failureOfStatus } from './agent-failure.js';
import { AgentHttpClient, type HttpAnswer } from './agent-http.client.js';
import { ANSWER_TYPE, authorizationOf, chatRequest, noticeEnvelope, signatureOf, type ChatEnvelope } from './chat.envelope.js';

/** What every answer of the dialect has; `session_id` may be missing in all but a `chat.response`. */
const Answer = z.looseObject({ type: z.string(), session_id: z.string().nullish() });
export type ChatDialectAnswer = z.infer<typeof Answer>;

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i;

/** The seed's `chat.request` envelope over HTTP POST, signed (see `signatureOf`). */
@Injectable()
export class ChatClient implements AgentTransport {
  constructor(private readonly http: AgentHttpClient) {}

  async ask(agent: AgentEndpoint, turn: TurnRequest, signal: AbortSignal): Promise<TextReply> {
    const headers = { 'idempotency-key': turn.turnId, ...traceOf(turn) };
    const answer = await this.send(agent, chatRequest(turn), headers, signal);
    return readChatAnswer(answer, turn.turnId);
  }

  async tell(agent: AgentEndpoint, notice: SessionNotice, signal: AbortSignal): Promise<boolean> {
    if (!agent.requestTypes.includes(notice.type)) return false;
    await this.send(agent, noticeEnvelope(notice), traceOf(notice), signal);
    return true;
  }

  /** The health page is optional: whatever it answers but a 5xx, the agent is there. */
  async check(agent: AgentEndpoint, signal: AbortSignal): Promise<void> {
    const status = await this.health(agent, signal).catch((error: unknown) => {
      if (error instanceof AgentFailure && !error.isDown && error.code !== 'turn_cancelled') return 200;
      throw error;
    });
    if (status >= 500) throw failureOfStatus(status);
  }

  /** The status of `GET <endpoint>/health`. */
  async health(agent: AgentEndpoint, signal: AbortSignal): Promise<number> {
    const url = new URL(agent.endpointUrl);
    url.pathname = `${url.pathname.replace(/\/$/, '')}/health`;
    return (await this.http.exchange({ method: 'GET', url: url.href, headers: authorizationOf(agent) }, signal)).status;
  }

  /** One request of the dialect; resolves to an answer of the right type for the same session. Throws `AgentFailure`. */
  async send(
    agent: AgentEndpoint,
    envelope: ChatEnvelope,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<ChatDialectAnswer> {
    const body = Buffer.from(JSON.stringify(envelope));
    const answer = await this.http.exchange(
      {
        method: 'POST',
        url: agent.endpointUrl,
        headers: {
          'content-type': 'application/json',
          accept: 'application/json',
          ...headers,
          ...authorizationOf(agent),
          ...(agent.credential !== null && { 'x-darkspere-signature': signatureOf(body, agent.credential, new Date()) }),
        },
        body,
      },
      signal,
    );
    return answerTo(envelope, answer);
  }
}

const traceOf = ({ traceparent }: { traceparent: string | null }): Record<string, string> => (traceparent === null ? {} : { traceparent });

const answerTo = (request: ChatEnvelope, { status, headers, body }: HttpAnswer): ChatDialectAnswer => {
  if (status >= 300) throw failureOfStatus(status);
  if (!JSON_TYPE.test(String(headers['content-type'] ?? ''))) throw invalid('is not JSON by its content type');
  const parsed = Answer.safeParse(parseJson(body));
  if (!parsed.success) throw invalid('is not a JSON object with a type');
  const { type, session_id: sessionId } = parsed.data;
  if (type === 'error') throw new AgentFailure('agent_error', 'The agent answered with an error envelope.');
  if (type !== ANSWER_TYPE[request.type]) throw invalid(`is not a ${ANSWER_TYPE[request.type]}`);
  const mayBeMissing = request.type !== 'chat.request';
  if (sessionId !== request.session_id && !(mayBeMissing && sessionId == null)) throw invalid('belongs to another session');
  return parsed.data;
};

const parseJson = (body: Buffer): unknown => {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw invalid('is not JSON');
  }
};

const invalid = (why: string) => new AgentFailure('agent_answer_invalid', `The agent's answer ${why}.`);
