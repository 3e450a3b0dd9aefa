import { bootstrap } from '@darkspere/platform';
import { McpAdapterModule } from './mcp-adapter.module.js';

await bootstrap(McpAdapterModule, { name: 'mcp-adapter', port: 8004 });
