import { Injectable } from '@nestjs/common';
import type { AgentEndpoint, AgentReply, AgentTransport, SessionNotice, TurnRequest } from './agent.js';
import { AgentFailure } from './agent-failure.js';
import { AgentGate } from './agent-gate.js';
import { observeAgentCall } from './agent.metrics.js';
import { BuiltinClient } from './builtin.client.js';
import { ChatClient } from './chat.client.js';
import { McpClient } from './mcp.client.js';
import { RecentMap } from './recent-map.js';
import { withinLimit } from './within-limit.js';

/** The longest that one attempt may last; a turn has up to three within its 30 s. */
export const ATTEMPT_LIMIT_MS = 10_000;
const NOTICE_LIMIT_MS = 3_000;
const CHECK_LIMIT_MS = 5_000;
/** Agents whose breaker is remembered; more than one replica talks to within minutes. */
const MAX_GATES = 2_000;

/** Asks any agent, whatever its dialect: one limited attempt, behind the agent's own gate, measured. */
@Injectable()
export class AgentsService {
  private readonly gates = new RecentMap<string, AgentGate>(MAX_GATES);

  constructor(
    private readonly chat: ChatClient,
    private readonly mcp: McpClient,
    private readonly builtin: BuiltinClient,
  ) {}

  /**
   * One attempt to get an answer, of at most 10 s. Throws `AgentFailure`: `retryable` says whether the same agent may be
   * asked again. An abort of `signal` ends the call at once, as `agent_timeout` when its reason is a `TimeoutError` and
   * as `turn_cancelled` otherwise.
   */
  async ask(agent: AgentEndpoint, turn: TurnRequest, signal: AbortSignal): Promise<AgentReply> {
    const startedAt = performance.now();
    try {
      const transport = this.transportOf(agent);
      const reply = await this.gateOf(agent).run(() =>
        withinLimit(ATTEMPT_LIMIT_MS, signal, (limited) => transport.ask(agent, turn, limited)),
      );
      observeAgentCall(agent.dialect, 'answered', startedAt);
      return reply;
    } catch (error) {
      observeAgentCall(agent.dialect, error instanceof AgentFailure ? error.code : 'internal', startedAt);
      throw error;
    }
  }

  /**
   * Tells an agent about a session (`session.init`, `context.update`, `session.end`). Resolves to false, without a call,
   * when it did not answer this type at its probe. Throws `AgentFailure`, which says nothing about its answers to turns.
   */
  tell(agent: AgentEndpoint, notice: SessionNotice, signal: AbortSignal): Promise<boolean> {
    return withinLimit(NOTICE_LIMIT_MS, signal, (limited) => this.transportOf(agent).tell(agent, notice, limited));
  }

  /** Is it there? Resolves when it is; throws `AgentFailure`. The gate is not asked: a probe is how it gets open again. */
  check(agent: AgentEndpoint): Promise<void> {
    return withinLimit(CHECK_LIMIT_MS, new AbortController().signal, (limited) => this.transportOf(agent).check(agent, limited));
  }

  private transportOf({ dialect }: AgentEndpoint): AgentTransport {
    switch (dialect) {
      case 'chat':
        return this.chat;
      case 'mcp':
        return this.mcp;
      case 'builtin':
        return this.builtin;
      case null:
        throw new AgentFailure('agent_error', 'The agent has not passed a probe yet.', false);
      default:
        throw new Error(`no transport for the dialect ${dialect satisfies never}`);
    }
  }

  private gateOf({ agentId }: AgentEndpoint): AgentGate {
    const known = this.gates.get(agentId);
    if (known) return known;
    const gate = new AgentGate();
    this.gates.set(agentId, gate);
    return gate;
  }
}
