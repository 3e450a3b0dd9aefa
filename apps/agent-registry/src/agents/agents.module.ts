import { Module } from '@nestjs/common';
import { AgentsController } from './agents.controller.js';
import { AgentsRepository } from './agents.repository.js';
import { AgentsService } from './agents.service.js';
import { ProbesService } from './probes.service.js';

@Module({
  controllers: [AgentsController],
  providers: [AgentsRepository, AgentsService, ProbesService],
})
export class AgentsModule {}
