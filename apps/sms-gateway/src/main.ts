import { bootstrap } from '@darkspere/platform';
import { SmsGatewayModule } from './sms-gateway.module.js';

await bootstrap(SmsGatewayModule, { name: 'sms-gateway', port: 8000 });
