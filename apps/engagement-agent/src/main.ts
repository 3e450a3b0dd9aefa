import { bootstrap } from '@darkspere/platform';
import { EngagementAgentModule } from './engagement-agent.module.js';

await bootstrap(EngagementAgentModule, { name: 'engagement-agent', port: 8012 });
