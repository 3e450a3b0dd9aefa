import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents/agents.module.js';
import { FailoverService } from './failover.service.js';
import { HealthProbes } from './health-probes.js';
import { HealthReports } from './health-reports.js';
import { HealthRepository } from './health.repository.js';

/** Who is well: probes, the outcomes of live calls, and what follows when an agent dies. */
@Module({
  imports: [AgentsModule],
  providers: [FailoverService, HealthProbes, HealthReports, HealthRepository],
  exports: [HealthReports],
})
export class HealthModule {}
