import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents/agents.module.js';
import { HealthModule } from '../health/health.module.js';
import { AgentDirectory } from './agent-directory.js';
import { RunningTurns } from './running-turns.js';
import { SweeperService } from './sweeper.service.js';
import { TurnEndings } from './turn-endings.js';
import { TurnRunner } from './turn-runner.js';
import { TurnsController } from './turns.controller.js';
import { TurnsRepository } from './turns.repository.js';
import { TurnsService } from './turns.service.js';

@Module({
  imports: [AgentsModule, HealthModule],
  controllers: [TurnsController],
  providers: [AgentDirectory, RunningTurns, SweeperService, TurnEndings, TurnRunner, TurnsRepository, TurnsService],
  exports: [TurnsService],
})
export class TurnsModule {}
