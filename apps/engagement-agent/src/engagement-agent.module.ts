import { Module } from '@nestjs/common';
import { Circuit, type GuardedModel, OpenAiCompatibleModel } from '@darkspere/agent-kit';
import { PlatformModule } from '@darkspere/platform';
import { AGENT_MODEL, ConversationService, KNOWLEDGE } from './conversation/conversation.service.js';
import { loadKnowledge } from './conversation/load-knowledge.js';
import { ENGAGEMENT_ENV, type EngagementAgentEnv, readEngagementEnv } from './env.js';
import { TurnsController } from './turns/turns.controller.js';
import { TurnsRepository } from './turns/turns.repository.js';
import { TurnsService } from './turns/turns.service.js';

const guardedModel = ({ LLM_BASE_URL, LLM_API_KEY, LLM_MODEL }: EngagementAgentEnv): GuardedModel | null =>
  LLM_MODEL === undefined
    ? null
    : {
        model: new OpenAiCompatibleModel({ baseUrl: LLM_BASE_URL, apiKey: LLM_API_KEY, model: LLM_MODEL }),
        circuit: new Circuit(() => performance.now()),
      };

@Module({
  imports: [PlatformModule.forRoot({ name: 'engagement-agent', poolSize: 4 })],
  controllers: [TurnsController],
  providers: [
    { provide: ENGAGEMENT_ENV, useFactory: () => readEngagementEnv() },
    { provide: KNOWLEDGE, inject: [ENGAGEMENT_ENV], useFactory: (env: EngagementAgentEnv) => loadKnowledge(env.KNOWLEDGE_FILE) },
    { provide: AGENT_MODEL, inject: [ENGAGEMENT_ENV], useFactory: guardedModel },
    ConversationService,
    TurnsRepository,
    TurnsService,
  ],
})
export class EngagementAgentModule {}
