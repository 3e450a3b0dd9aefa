import pg from 'pg';
import { createTestDatabase, type TestDatabase } from './test-database.js';

describe('createTestDatabase', () => {
  const made: TestDatabase[] = [];
  const create = async (): Promise<TestDatabase> => {
    const database = await createTestDatabase();
    made.push(database);
    return database;
  };
  afterEach(async () => {
    for (const database of made.splice(0)) await database.drop();
  });

  it('has the migrated schema', async () => {
    const { pool } = await create();
    const { rows } = await pool.query(`select to_regclass('security.accounts') is not null as "isMigrated"`);
    expect(rows).toEqual([{ isMigrated: true }]);
  });

  it('is nobody else’s: what one file writes another does not see, also when they are made at the same time', async () => {
    const [a, b] = await Promise.all([create(), create()]);
    await a!.pool.query('create table mine (n int)');
    const { rows } = await b!.pool.query(`select to_regclass('mine') as found`);
    expect(rows).toEqual([{ found: null }]);
  });

  it('can be dropped while somebody is connected', async () => {
    const { url, drop } = await createTestDatabase();
    const other = new pg.Client({ connectionString: url });
    const cut = new Promise((resolve) => other.on('error', resolve));
    await other.connect();
    await drop();
    expect(await cut).toMatchObject({ code: '57P01' });
    await other.end().catch(() => undefined);
  });
});
