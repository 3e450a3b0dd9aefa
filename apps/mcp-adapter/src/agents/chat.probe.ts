import { Injectable } from '@nestjs/common';
import type { ProbeReport } from '@darkspere/contracts';
import type { AgentEndpoint, SessionNotice, TurnRequest } from './agent.js';
import { readChatAnswer } from './agent-answer.js';
import { AgentFailure, failureOfConnection } from './agent-failure.js';
import { ChatClient, type ChatDialectAnswer } from './chat.client.js';
import { chatRequest, noticeEnvelope, type ChatEnvelope, type ChatRequestType } from './chat.envelope.js';
import { failedCheck, failedReport, passedCheck, type ProbeCheck } from './probe-report.js';
import { withinLimit } from './within-limit.js';

const QUERY_LIMIT_MS = 2_500;
const TEST_MESSAGE = 'This is a test from DarkSpere. Any answer will do.';

/** Whether an endpoint answers a `chat.request`, and which of the other request types it knows. */
@Injectable()
export class ChatProbe {
  constructor(private readonly chat: ChatClient) {}

  async probe(agent: AgentEndpoint, signal: AbortSignal, test: TurnRequest): Promise<ProbeReport> {
    const [health, capabilities, ...before] = await Promise.all([
      this.health(agent, signal),
      this.query(agent, query('capability.query', test), signal),
      this.query(agent, query('health.check', test), signal),
      this.query(agent, notice('session.init', test), signal),
    ]);
    const startedAt = performance.now();
    const fault = await this.faultOfChat(agent, test, signal);
    const latencyMs = Math.round(performance.now() - startedAt);
    if (fault) return failedReport([chatFault(fault), health]);

    const after = await Promise.all([
      this.query(agent, notice('context.update', test), signal),
      this.query(agent, notice('session.end', test), signal),
    ]);
    const answered = [capabilities, ...before, ...after].filter((answer) => answer !== null);
    return {
      ...failedReport([passedCheck('chat.request', `The agent answered in ${latencyMs} ms.`), health]),
      passed: true,
      dialect: 'chat',
      requestTypes: ['chat.request', ...answered.map(({ type }) => type)],
      isIdempotent: declaresIdempotency(capabilities?.answer),
      latencyMs,
    };
  }

  private async faultOfChat(agent: AgentEndpoint, test: TurnRequest, signal: AbortSignal): Promise<AgentFailure | null> {
    const request = chatRequest(test);
    const envelope = { ...request, metadata: { ...request.metadata, test: true } };
    try {
      const answer = await this.chat.send(agent, envelope, { 'idempotency-key': test.turnId }, signal);
      readChatAnswer(answer, test.turnId);
      return null;
    } catch (error) {
      return failureOfConnection(error);
    }
  }

  /** Asks for something an agent need not know; null when it does not. */
  private async query(agent: AgentEndpoint, envelope: ChatEnvelope, signal: AbortSignal): Promise<Answered | null> {
    try {
      const answer = await withinLimit(QUERY_LIMIT_MS, signal, (limited) => this.chat.send(agent, envelope, {}, limited));
      return { type: envelope.type, answer };
    } catch (error) {
      if (error instanceof AgentFailure) return null;
      throw error;
    }
  }

  private async health(agent: AgentEndpoint, signal: AbortSignal): Promise<ProbeCheck> {
    try {
      const status = await withinLimit(QUERY_LIMIT_MS, signal, (limited) => this.chat.health(agent, limited));
      if (status < 300) return passedCheck('chat.health', 'The health page answers.');
      return failedCheck('chat.health', `The health page answers HTTP ${status}.`, HEALTH_FIX);
    } catch (error) {
      return failedCheck('chat.health', failureOfConnection(error).message, HEALTH_FIX);
    }
  }
}

interface Answered {
  readonly type: ChatRequestType;
  readonly answer: ChatDialectAnswer;
}

const HEALTH_FIX = 'Optional: answer GET <endpoint>/health with 200.';

const chatFault = ({ message }: AgentFailure): ProbeCheck =>
  failedCheck(
    'chat.request',
    message,
    'Answer POST with application/json {"type":"chat.response","session_id":"<as sent>","message":"…"} within 10 s.',
  );

/** The turn that a probe asks: a session of its own that holds nobody's words. */
export const testTurn = (id: string, at: Date): TurnRequest => ({
  turnId: id,
  sessionHandle: `test-${id}`,
  contactId: 'test-contact',
  message: TEST_MESSAGE,
  messageIds: [],
  history: [],
  sessionState: {},
  preferences: {},
  platform: 'sms',
  traceparent: null,
  timestamp: at.toISOString(),
});

const query = (type: 'capability.query' | 'health.check', test: TurnRequest): ChatEnvelope => ({
  type,
  session_id: test.sessionHandle,
  metadata: { timestamp: test.timestamp, test: true },
});

const notice = (type: SessionNotice['type'], test: TurnRequest): ChatEnvelope => {
  const envelope = noticeEnvelope({ ...test, type });
  return { ...envelope, metadata: { ...envelope.metadata, test: true } };
};

const declaresIdempotency = (answer: ChatDialectAnswer | undefined): boolean => {
  const { idempotent, capabilities } = (answer ?? {}) as { idempotent?: unknown; capabilities?: { idempotent?: unknown } | null };
  return idempotent === true || capabilities?.idempotent === true;
};
