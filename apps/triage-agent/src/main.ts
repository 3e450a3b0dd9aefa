import { bootstrap } from '@darkspere/platform';
import { TriageAgentModule } from './triage-agent.module.js';

await bootstrap(TriageAgentModule, { name: 'triage-agent', port: 8011 });
