import { bootstrap } from '@darkspere/platform';
import { OptimizerAgentModule } from './optimizer-agent.module.js';

await bootstrap(OptimizerAgentModule, { name: 'optimizer-agent', port: 8013 });
