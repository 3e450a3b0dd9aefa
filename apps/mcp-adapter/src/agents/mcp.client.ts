import { Injectable } from '@nestjs/common';
import {
  InsufficientScopeError,
  ProtocolError,
  SdkError,
  SdkErrorCode,
  SdkHttpError,
  TRACEPARENT_META_KEY,
  type CallToolResult,
} from '@modelcontextprotocol/client';
import { ZodError } from 'zod';
import type { AgentEndpoint, AgentTransport, TextReply, TurnRequest } from './agent.js';
import { readChatAnswer } from './agent-answer.js';
import { AgentFailure, failureOfAbort, failureOfConnection, failureOfStatus } from './agent-failure.js';
import { MAX_EXCHANGE_MS } from './agent-http.client.js';
import { chatContext, chatMetadata } from './chat.envelope.js';
import { McpConnections } from './mcp-connections.js';

/** The tool that an agent of this dialect offers. */
export const CHAT_TOOL = 'chat';
const IDEMPOTENCY_META_KEY = 'com.darkspere/idempotency-key';
/** MCP 2026-07-28: the server cannot answer a client that offers no elicitation, sampling or roots. */
const MISSING_CLIENT_CAPABILITY = -32_021;

/** MCP over HTTP with the official SDK, both the 2025-11-25 and the stateless 2026-07-28 revision. */
@Injectable()
export class McpClient implements AgentTransport {
  constructor(private readonly connections: McpConnections) {}

  async ask(agent: AgentEndpoint, turn: TurnRequest, signal: AbortSignal): Promise<TextReply> {
    const call = {
      name: CHAT_TOOL,
      arguments: {
        session_id: turn.sessionHandle,
        message: turn.message,
        context: chatContext(turn),
        metadata: chatMetadata(turn),
      },
      _meta: {
        [IDEMPOTENCY_META_KEY]: turn.turnId,
        ...(turn.traceparent !== null && { [TRACEPARENT_META_KEY]: turn.traceparent }),
      },
    };
    try {
      const result = await this.connections.use(agent, signal, (client) => client.callTool(call, { signal, timeout: MAX_EXCHANGE_MS }));
      return readChatAnswer(answerOf(result), turn.turnId);
    } catch (error) {
      throw failureOfMcp(error, signal);
    }
  }

  /** `ping`, or `server/discover` where the revision has no ping. */
  async check(agent: AgentEndpoint, signal: AbortSignal): Promise<void> {
    const options = { signal, timeout: MAX_EXCHANGE_MS };
    try {
      await this.connections.use(agent, signal, async (client) => {
        if (client.getDiscoverResult() === undefined) await client.ping(options);
        else await client.discover(options);
      });
    } catch (error) {
      throw failureOfMcp(error, signal);
    }
  }

  /** MCP has no such notices: an agent learns of a session by its first call. */
  async tell(): Promise<boolean> {
    return false;
  }
}

/** Structured content, or the text blocks: as JSON when they are the answer written as JSON, else as the message. */
const answerOf = ({ isError, structuredContent, content }: CallToolResult): unknown => {
  if (isError) throw new AgentFailure('agent_error', 'The chat tool reported an error.');
  if (structuredContent !== undefined) return structuredContent;
  const text = content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('\n');
  return structuredIn(text) ?? { message: text };
};

/** Servers older than structured content return the object they mean as JSON text. */
const structuredIn = (text: string): unknown => {
  if (!text.startsWith('{')) return null;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && 'message' in value ? value : null;
  } catch {
    return null;
  }
};

/** The failure that an error of the SDK stands for; what it quotes from the agent stays out. */
export const failureOfMcp = (error: unknown, signal: AbortSignal): AgentFailure => {
  if (error instanceof AgentFailure) return error;
  if (signal.aborted) return failureOfAbort(signal);
  if (error instanceof SdkHttpError && error.status >= 300) return failureOfStatus(error.status);
  if (error instanceof InsufficientScopeError) return failureOfStatus(403);
  if (error instanceof ProtocolError) {
    if (error.code === MISSING_CLIENT_CAPABILITY) return needsInput();
    return new AgentFailure('agent_error', `The agent answered with JSON-RPC error ${numberOf(error.code)}.`);
  }
  if (error instanceof SyntaxError || error instanceof ZodError) return notMcp();
  if (error instanceof SdkError) return failureOfSdk(error);
  return failureOfConnection(error);
};

const failureOfSdk = (error: SdkError): AgentFailure => {
  switch (error.code) {
    case SdkErrorCode.RequestTimeout:
      return new AgentFailure('agent_timeout', 'The agent did not answer in time.');
    case SdkErrorCode.UnsupportedResultType:
      return needsInput();
    case SdkErrorCode.InvalidResult:
    case SdkErrorCode.ClientHttpUnexpectedContent:
      return notMcp();
    default:
      return error.cause === undefined
        ? new AgentFailure('agent_error', `The MCP exchange failed (${error.code}).`)
        : failureOfConnection(error);
  }
};

const needsInput = () =>
  new AgentFailure('agent_needs_input', 'The agent asks for input (elicitation, sampling or roots) instead of answering.');

const notMcp = () => new AgentFailure('agent_answer_invalid', "The agent's answer is not an MCP result.");

/** JSON-RPC codes are small; a larger number could be anything, a phone number too. */
const numberOf = (code: number): string => (Number.isInteger(code) && Math.abs(code) < 100_000 ? String(code) : 'of its own');
