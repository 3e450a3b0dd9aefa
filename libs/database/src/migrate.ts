import { DataSource } from 'typeorm';
import { sqlFunctions, sqlMigrations } from './migrations.js';

/** Any number will do, as long as nobody else uses it: serialises migrations of several starters. */
const MIGRATION_LOCK = 7_263_001;
const OLDEST_SERVER = 180_000;

/**
 * Brings a database to the newest schema and re-applies all functions. Safe to run from several processes at once.
 * @throws if the server is older than PostgreSQL 18 (uuidv7) or cannot be reached.
 */
export const migrate = async (databaseUrl: string): Promise<void> => {
  const source = new DataSource({
    type: 'postgres',
    url: databaseUrl,
    migrations: sqlMigrations(),
    migrationsTransactionMode: 'all',
    poolSize: 2,
  });
  await source.initialize();
  const lock = source.createQueryRunner();
  try {
    const [{ version }] = (await lock.query(`select current_setting('server_version_num')::integer as version`)) as [{ version: number }];
    if (version < OLDEST_SERVER) throw new Error(`PostgreSQL 18 or newer is needed; this server is ${version}.`);
    await lock.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await source.runMigrations();
    await lock.startTransaction();
    // Functions call each other across files, so bodies are checked by the tests and not here.
    await lock.query('set local check_function_bodies = off');
    for (const sql of sqlFunctions()) await lock.query(sql);
    await lock.commitTransaction();
  } finally {
    await lock.release();
    await source.destroy();
  }
};
