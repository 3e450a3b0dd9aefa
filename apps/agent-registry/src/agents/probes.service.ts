import { Injectable } from '@nestjs/common';
import { probeAgent, type ProbeReport } from '@darkspere/contracts';
import { DomainError } from '@darkspere/domain';
import { RpcClient } from '@darkspere/transport';
import type { AgentEntity } from './agent.entity.js';
import { AgentsRepository, type Connection } from './agents.repository.js';
import { cleanReport } from './probe-report.js';

/** Probes by way of mcp-adapter, which alone speaks to agents and reads endpoint and credential by the agent's id. */
@Injectable()
export class ProbesService {
  constructor(
    private readonly rpc: RpcClient,
    private readonly agents: AgentsRepository,
  ) {}

  /** An agent's fault is a report. Throws `DomainError('unavailable')` when it could not be asked. */
  async probe(agent: AgentEntity): Promise<ProbeReport> {
    try {
      return cleanReport(await this.rpc.call(probeAgent, { agentId: agent.id }), this.agents.credentialOf(agent));
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      throw new DomainError('unavailable', 'The agent could not be probed just now; nothing has changed. Try again in a moment.');
    }
  }

  /** Probes another connection of an agent while the present one stays in force: as a row that nobody sees. */
  async tryOut({ accountId, agentName, maxConcurrentSessions }: AgentEntity, connection: Connection): Promise<ProbeReport> {
    const trial = await this.agents.add({ accountId, agentName, maxConcurrentSessions, status: 'retired', ...connection });
    try {
      return await this.probe(trial);
    } finally {
      await this.agents.remove(trial.id);
    }
  }
}
