import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { AgentFailure } from '../agents/agent-failure.js';
import { AgentsRepository } from '../agents/agents.repository.js';
import { AgentsService } from '../agents/agents.service.js';
import { HealthReports } from './health-reports.js';
import { HealthRepository } from './health.repository.js';

/** As many probes a second and replica; 1,000 agents need at most 67. */
const LIMIT = 100;

/** Asks agents that nobody texts how they are. Each is probed by the replica that gets it from the database. */
@Injectable()
export class HealthProbes {
  private readonly logger = new Logger(HealthProbes.name);

  constructor(
    private readonly health: HealthRepository,
    private readonly repository: AgentsRepository,
    private readonly agents: AgentsService,
    private readonly reports: HealthReports,
  ) {}

  @Interval(1_000)
  async look(): Promise<void> {
    try {
      // Not awaited together: one that hangs holds no other up.
      for (const agentId of await this.health.claimProbes(LIMIT)) void this.probe(agentId);
    } catch (error) {
      this.logger.warn(`looking for agents to probe failed: ${(error as Error).message}`);
    }
  }

  /** Never rejects. */
  async probe(agentId: string): Promise<void> {
    const startedAt = performance.now();
    try {
      await this.agents.check(await this.repository.find(agentId));
      this.reports.succeeded(agentId, performance.now() - startedAt, 'probe');
    } catch (error) {
      if (!(error instanceof AgentFailure)) this.logger.warn(`agent ${agentId} could not be probed: ${(error as Error).message}`);
      this.reports.failed(agentId, error, 'probe');
    }
  }
}
