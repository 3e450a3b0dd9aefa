import { Module } from '@nestjs/common';
import { PlatformModule } from '@darkspere/platform';
import { AgentEntity } from './agents/agent.entity.js';
import { AgentsModule } from './agents/agents.module.js';
import { ApiKeyEntity } from './api-keys/api-key.entity.js';
import { ApiKeysModule } from './api-keys/api-keys.module.js';

@Module({
  imports: [PlatformModule.forRoot({ name: 'agent-registry', entities: [AgentEntity, ApiKeyEntity] }), AgentsModule, ApiKeysModule],
})
export class AgentRegistryModule {}
