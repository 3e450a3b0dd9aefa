import { bootstrap } from '@darkspere/platform';
import { AgentRegistryModule } from './agent-registry.module.js';

await bootstrap(AgentRegistryModule, { name: 'agent-registry', port: 8001 });
