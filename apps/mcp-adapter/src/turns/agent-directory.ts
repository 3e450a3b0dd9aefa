import { Injectable } from '@nestjs/common';
import { AgentFailure } from '../agents/agent-failure.js';
import type { AgentEndpoint, AgentReply, TurnRequest } from '../agents/agent.js';
import { AgentsRepository } from '../agents/agents.repository.js';
import { AgentsService } from '../agents/agents.service.js';
import { RecentMap } from '../agents/recent-map.js';

/** A changed endpoint or credential is in force on every replica within this time. */
const FRESH_MS = 1_000;
const MAX_AGENTS = 5_000;

/** Asks agents by id; their endpoints are read once a second instead of at every turn. */
@Injectable()
export class AgentDirectory {
  private readonly known = new RecentMap<string, { endpoint: Promise<AgentEndpoint>; until: number }>(MAX_AGENTS);

  constructor(
    private readonly repository: AgentsRepository,
    private readonly agents: AgentsService,
  ) {}

  /** See `AgentsService.ask`. */
  async ask(agentId: string, turn: TurnRequest, signal: AbortSignal): Promise<AgentReply> {
    const endpoint = await this.endpointOf(agentId);
    if (!endpoint.dialect) throw new AgentFailure('agent_unreachable', 'The agent has no working endpoint.', false);
    return this.agents.ask(endpoint, turn, signal);
  }

  private endpointOf(agentId: string): Promise<AgentEndpoint> {
    const known = this.known.get(agentId);
    if (known && known.until > Date.now()) return known.endpoint;
    const endpoint = this.repository.find(agentId);
    const entry = { endpoint, until: Date.now() + FRESH_MS };
    this.known.set(agentId, entry);
    endpoint.catch(() => {
      entry.until = 0;
    });
    return endpoint;
  }
}
