import { bootstrap } from '@darkspere/platform';
import { BillingModule } from './billing.module.js';

await bootstrap(BillingModule, { name: 'billing', port: 8002 });
