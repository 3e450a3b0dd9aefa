export { Batcher } from './batcher.js';
export { bootstrap } from './bootstrap.js';
export type { BootstrapOptions } from './bootstrap.js';
export { DatabaseModule, PLANNER } from './database.module.js';
export type { DatabaseOptions } from './database.module.js';
export { migrate } from './migrate.js';
export { Sql } from './sql.js';
export type { CallOptions } from './sql.js';
