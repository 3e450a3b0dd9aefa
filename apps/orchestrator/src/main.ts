import { bootstrap } from '@darkspere/platform';
import { OrchestratorModule } from './orchestrator.module.js';

await bootstrap(OrchestratorModule, { name: 'orchestrator', port: 8080 });
