import { setTimeout as sleep } from 'node:timers/promises';
import { randomBytes } from 'node:crypto';
import pg from 'pg';

export const TEMPLATE_DATABASE = 'darkspere_template';

export interface TestDatabase {
  url: string;
  pool: pg.Pool;
  /** Ends the pool and removes the database, whoever is still connected. */
  drop(): Promise<void>;
}

/** A database of its own for one spec file: a clone of the migrated template (about 30 ms). */
export const createTestDatabase = async (): Promise<TestDatabase> => {
  const adminUrl = process.env.TEST_DATABASE_ADMIN_URL;
  if (!adminUrl) throw new Error('No test database server: run this spec through the jest project db, e2e or journey.');
  const name = `test_${process.env.JEST_WORKER_ID ?? '0'}_${randomBytes(6).toString('hex')}`;
  await asAdmin(adminUrl, (admin) => admin.query(`create database ${name} template ${TEMPLATE_DATABASE}`));
  const url = databaseUrl(adminUrl, name);
  const pool = new pg.Pool({ connectionString: url, max: 10 });
  // A test may kill its connections; the pool replaces them.
  pool.on('error', () => undefined);
  return {
    url,
    pool,
    drop: async () => {
      await pool.end();
      await asAdmin(adminUrl, async (admin) => {
        // A pool's end does not wait for its connections to close; one that is cut instead raises an error that nobody hears.
        const open = async (): Promise<boolean> =>
          (await admin.query('select from pg_stat_activity where datname = $1', [name])).rowCount! > 0;
        for (const end = Date.now() + 1_000; (await open()) && Date.now() < end;) await sleep(10);
        await admin.query(`drop database if exists ${name} with (force)`);
      });
    },
  };
};

/** Makes the template anew: an empty database on which `migrate` has run, and which nobody may connect to any more. */
export const makeTemplate = async (adminUrl: string, migrate: (url: string) => Promise<void>): Promise<void> => {
  await asAdmin(adminUrl, async (admin) => {
    await admin.query(`update pg_database set datistemplate = false where datname = $1`, [TEMPLATE_DATABASE]);
    await admin.query(`drop database if exists ${TEMPLATE_DATABASE} with (force)`);
    await admin.query(`create database ${TEMPLATE_DATABASE}`);
    await migrate(databaseUrl(adminUrl, TEMPLATE_DATABASE));
    // A connection to it, autovacuum's included, would make "create database … template" fail.
    await admin.query(`alter database ${TEMPLATE_DATABASE} with is_template true allow_connections false`);
    await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [TEMPLATE_DATABASE]);
  });
};

const databaseUrl = (adminUrl: string, name: string): string => {
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  return url.href;
};

const asAdmin = async (url: string, work: (admin: pg.Client) => Promise<unknown>): Promise<void> => {
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  try {
    await work(admin);
  } finally {
    await admin.end();
  }
};
