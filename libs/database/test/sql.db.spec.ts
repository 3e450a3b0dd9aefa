import { createTestDatabase, type TestDatabase } from '@darkspere/testing';
import { Pool } from 'pg';
import { Sql } from '../src/index.js';

describe('Sql', () => {
  let database: TestDatabase;
  let sql: Sql;

  beforeAll(async () => {
    database = await createTestDatabase();
    sql = new Sql(database.pool, () => new Pool({ connectionString: database.url, max: 1 }));
  });
  afterAll(() => database.drop());

  const backendsOf = (one: Sql, calls: number): Promise<number[]> =>
    Promise.all(Array.from({ length: calls }, () => one.value<number>('pg_backend_pid', [])));

  it('calls over a connection of their own share it with nobody else', async () => {
    const own = [sql.withOwnConnection(), sql.withOwnConnection()];
    const [shared, ...others] = await Promise.all([sql, ...own].map((one) => backendsOf(one, 5)));
    const [first, second] = others.map((pids) => new Set(pids));
    expect([first!.size, second!.size]).toEqual([1, 1]);
    expect(first).not.toEqual(second);
    expect(shared!.filter((pid) => first!.has(pid) || second!.has(pid))).toEqual([]);
    await sql.close();
    await expect(own[0]!.value('pg_backend_pid', [])).rejects.toThrow();
    expect(await backendsOf(sql, 1)).toHaveLength(1);
  });

  it('without a way to open one, all share the pool', () => {
    const plain = new Sql(database.pool);
    expect(plain.withOwnConnection()).toBe(plain);
  });
});
