import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { ProtocolError, SdkError, SdkErrorCode, SdkHttpError, type Client, type PriorDiscovery } from '@modelcontextprotocol/client';
import type { AgentEndpoint } from './agent.js';
import { AgentFailure } from './agent-failure.js';
import { AgentHttpClient } from './agent-http.client.js';
import { openMcp, readPrior, type McpConnection } from './mcp-connection.js';
import { RecentMap } from './recent-map.js';
import { unlessAborted } from './within-limit.js';

const MAX_AGENTS = 500;

/** One agent's connection, shared by its calls; closed when it is out of use and the last call has ended. */
class Line {
  private calls = 0;
  private isRetired = false;

  constructor(
    readonly endpointUrl: string,
    readonly credential: string | null,
    /** The connection adopted an earlier verdict, so the agent may have changed its mind since. */
    readonly isFromPrior: boolean,
    readonly connection: Promise<McpConnection>,
  ) {
    // Whoever waits for it hears of a failure; without a listener of its own it would end the process.
    connection.catch(() => undefined);
  }

  async use<T>(signal: AbortSignal, call: (client: Client) => Promise<T>): Promise<T> {
    this.calls += 1;
    try {
      const { client } = await unlessAborted(this.connection, signal);
      return await call(client);
    } finally {
      this.calls -= 1;
      this.closeIfIdle();
    }
  }

  retire(): void {
    this.isRetired = true;
    this.closeIfIdle();
  }

  private closeIfIdle(): void {
    if (!this.isRetired || this.calls > 0) return;
    void this.connection.then(
      (connection) => connection.close(),
      () => undefined,
    );
  }
}

/** The MCP connections of this replica: one per agent, made when first needed, re-made when broken or out of date. */
@Injectable()
export class McpConnections implements OnApplicationShutdown {
  private readonly lines = new RecentMap<string, Line>(MAX_AGENTS, (line) => line.retire());
  private readonly priors = new RecentMap<string, PriorDiscovery>(MAX_AGENTS);

  constructor(private readonly http: AgentHttpClient) {}

  /**
   * Runs a call on the agent's connection. When the agent turns out to speak another revision than it did, or to have
   * forgotten our session, it has not run the call: it is asked anew and the call is repeated once.
   */
  async use<T>(agent: AgentEndpoint, signal: AbortSignal, call: (client: Client) => Promise<T>): Promise<T> {
    const known = this.lineOf(agent);
    const line = known ?? this.open(agent, this.priors.get(agent.agentId) ?? readPrior(agent.prior));
    try {
      return await this.run(agent, line, signal, call);
    } catch (error) {
      const isOutdated = isRefusedUnread(error) && (line === known || line.isFromPrior);
      if (!isOutdated || signal.aborted) throw error;
      // Of the calls that found out together, the first opens the new line for all.
      return await this.run(agent, this.lineOf(agent) ?? this.open(agent, null), signal, call);
    }
  }

  /** Not earlier: by now the turns have drained. */
  onApplicationShutdown(): void {
    this.lines.clear();
  }

  private lineOf(agent: AgentEndpoint): Line | undefined {
    const line = this.lines.get(agent.agentId);
    return line?.endpointUrl === agent.endpointUrl && line.credential === agent.credential ? line : undefined;
  }

  private async run<T>(agent: AgentEndpoint, line: Line, signal: AbortSignal, call: (client: Client) => Promise<T>): Promise<T> {
    try {
      return await line.use(signal, call);
    } catch (error) {
      if (isBroken(error) && this.lines.get(agent.agentId) === line) this.lines.delete(agent.agentId);
      if (isRefusedUnread(error)) this.priors.delete(agent.agentId);
      throw error;
    }
  }

  private open(agent: AgentEndpoint, prior: PriorDiscovery | null): Line {
    const connection = openMcp(this.http, agent, prior);
    const line = new Line(agent.endpointUrl, agent.credential, prior !== null, connection);
    this.lines.set(agent.agentId, line);
    void connection.then(
      ({ prior: verdict }) => verdict && this.priors.set(agent.agentId, verdict),
      () => this.lines.get(agent.agentId) === line && this.lines.delete(agent.agentId),
    );
    return line;
  }
}

/** The agent rejected the request itself (unknown session, revision or method), so it did nothing with it. */
const isRefusedUnread = (error: unknown): boolean => {
  if (error instanceof SdkHttpError) return error.status === 400 || error.status === 404 || error.status === 405;
  if (error instanceof ProtocolError) return UNREAD_CODES.has(error.code);
  return error instanceof SdkError && error.code === SdkErrorCode.EraNegotiationFailed;
};

/** Invalid request, method not found, header mismatch, unsupported protocol version. */
const UNREAD_CODES: ReadonlySet<number> = new Set([-32_600, -32_601, -32_020, -32_022]);

/** The next call needs another connection: this one is gone or was refused. A slow agent keeps its connection. */
const isBroken = (error: unknown): boolean =>
  isRefusedUnread(error) ||
  (error instanceof AgentFailure && error.code === 'agent_unreachable') ||
  (error instanceof SdkError && (error.code === SdkErrorCode.ConnectionClosed || error.code === SdkErrorCode.NotConnected));
