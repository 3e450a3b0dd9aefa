import { bootstrap } from '@darkspere/platform';
import { AnalyticsModule } from './analytics.module.js';

await bootstrap(AnalyticsModule, { name: 'analytics', port: 8003 });
