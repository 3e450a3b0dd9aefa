import { Module } from '@nestjs/common';
import { AgentHttpClient } from './agent-http.client.js';
import { AgentsRepository } from './agents.repository.js';
import { AgentsService } from './agents.service.js';
import { BuiltinClient } from './builtin.client.js';
import { ChatClient } from './chat.client.js';
import { ChatProbe } from './chat.probe.js';
import { McpClient } from './mcp.client.js';
import { McpConnections } from './mcp-connections.js';
import { McpProbe } from './mcp.probe.js';
import { ProbeController } from './probe.controller.js';
import { ProbeService } from './probe.service.js';

/** The only speaker to agents. Needs `Egress`, `SecretBox` (platform), `Sql` (database) and `RpcClient` (transport). */
@Module({
  controllers: [ProbeController],
  providers: [
    AgentHttpClient,
    AgentsRepository,
    AgentsService,
    BuiltinClient,
    ChatClient,
    ChatProbe,
    McpClient,
    McpConnections,
    McpProbe,
    ProbeService,
  ],
  exports: [AgentsService, AgentsRepository],
})
export class AgentsModule {}
