import { Module } from '@nestjs/common';
import { PlatformModule } from '@darkspere/platform';
import { AgentsModule } from './agents/agents.module.js';
import { ChatController } from './chat/chat.controller.js';
import { ChatService } from './chat/chat.service.js';
import { TurnsModule } from './turns/turns.module.js';

@Module({
  imports: [PlatformModule.forRoot({ name: 'mcp-adapter' }), AgentsModule, TurnsModule],
  controllers: [ChatController],
  providers: [ChatService],
})
export class McpAdapterModule {}
