import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents/agents.module.js';
import { AgentDirectory } from './agent-directory.js';
import { CallOutcomes } from './call-outcomes.js';
import { RunningTurns } from './running-turns.js';
import { SweeperService } from './sweeper.service.js';
import { TurnEndings } from './turn-endings.js';
import { TurnRunner } from './turn-runner.js';
import { TurnsController } from './turns.controller.js';
import { TurnsRepository } from './turns.repository.js';
import { TurnsService } from './turns.service.js';

@Module({
  imports: [AgentsModule],
  controllers: [TurnsController],
  providers: [AgentDirectory, CallOutcomes, RunningTurns, SweeperService, TurnEndings, TurnRunner, TurnsRepository, TurnsService],
  exports: [TurnsService],
})
export class TurnsModule {}
