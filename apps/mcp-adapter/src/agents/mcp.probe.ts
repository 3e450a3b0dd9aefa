import { Injectable } from '@nestjs/common';
import type { Tool } from '@modelcontextprotocol/client';
import type { ProbeReport } from '@darkspere/contracts';
import type { AgentEndpoint } from './agent.js';
import { AgentHttpClient } from './agent-http.client.js';
import { CHAT_TOOL, failureOfMcp } from './mcp.client.js';
import { openMcp, type McpConnection } from './mcp-connection.js';
import { failedCheck, failedReport, passedCheck, type ProbeCheck } from './probe-report.js';
import { unlessAborted, withinLimit } from './within-limit.js';

const CONNECT_LIMIT_MS = 5_000;
const LIST_LIMIT_MS = 3_000;
const MAX_TOOLS = 100;
const MAX_TOOL_NAME = 128;
/** Whatever a chat tool requires beyond these, we cannot give it. */
const ARGUMENTS = ['session_id', 'message', 'context', 'metadata'];

/** Whether an endpoint speaks MCP and offers a `chat` tool that we can call. It makes no call of the tool. */
@Injectable()
export class McpProbe {
  constructor(private readonly http: AgentHttpClient) {}

  async probe(agent: AgentEndpoint, signal: AbortSignal): Promise<ProbeReport> {
    let connection: McpConnection;
    try {
      connection = await withinLimit(CONNECT_LIMIT_MS, signal, (limited) => this.connect(agent, limited));
    } catch (error) {
      const { message } = failureOfMcp(error, signal);
      const fix =
        'Answer server/discover (MCP 2026-07-28) or initialize (2025-11-25 and older) at the endpoint URL, or speak the chat dialect.';
      return failedReport([failedCheck('mcp.connect', message, fix)]);
    }
    try {
      return await this.examine(connection, signal);
    } finally {
      void connection.close();
    }
  }

  /** Negotiates anew, never from a prior verdict: the agent may have been upgraded since. */
  private async connect(agent: AgentEndpoint, signal: AbortSignal): Promise<McpConnection> {
    const opening = openMcp(this.http, agent, null);
    try {
      return await unlessAborted(opening, signal);
    } catch (error) {
      void opening.then(
        (late) => late.close(),
        () => undefined,
      );
      throw error;
    }
  }

  private async examine({ client, prior }: McpConnection, signal: AbortSignal): Promise<ProbeReport> {
    const protocolVersion = client.getNegotiatedProtocolVersion() ?? null;
    const checks: ProbeCheck[] = [passedCheck('mcp.connect', `The agent speaks MCP ${protocolVersion}.`)];
    const report = { ...failedReport(checks), dialect: 'mcp' as const, protocolVersion, ...(prior && { prior }) };
    const startedAt = performance.now();
    let tools: Tool[];
    try {
      ({ tools } = await withinLimit(LIST_LIMIT_MS, signal, (limited) =>
        client.listTools(undefined, { signal: limited, timeout: LIST_LIMIT_MS }),
      ));
    } catch (error) {
      checks.push(failedCheck('mcp.tools', failureOfMcp(error, signal).message, 'Answer tools/list within 3 s.'));
      return report;
    }
    const latencyMs = Math.round(performance.now() - startedAt);
    const names = tools.slice(0, MAX_TOOLS).map(({ name }) => name.slice(0, MAX_TOOL_NAME));
    const chat = tools.find(({ name }) => name === CHAT_TOOL);
    checks.push(...checksOf(chat, tools.length));
    const isIdempotent = chat?.annotations?.idempotentHint === true;
    return { ...report, passed: checks.every(({ passed }) => passed), tools: names, isIdempotent, latencyMs };
  }
}

const checksOf = (chat: Tool | undefined, count: number): ProbeCheck[] => {
  if (!chat) {
    const fix = 'Offer a tool named "chat" with the arguments session_id, message, context and metadata that returns {"message": "…"}.';
    return [failedCheck('mcp.tools', `None of the agent's ${count} tools is named "chat".`, fix)];
  }
  const found = passedCheck('mcp.tools', 'The agent offers the tool "chat".');
  const unknown = (chat.inputSchema.required ?? []).filter((name) => !ARGUMENTS.includes(name));
  if (unknown.length === 0) return [found, passedCheck('mcp.arguments', 'We have every argument that the tool requires.')];
  const fix = `Require no arguments but ${ARGUMENTS.join(', ')}.`;
  return [found, failedCheck('mcp.arguments', `The tool requires ${unknown.length} arguments that we do not have.`, fix)];
};
