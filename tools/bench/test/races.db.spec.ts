import { PLANNER } from '@darkspere/database';
import { createTestDatabase, type TestDatabase } from '@darkspere/testing';
import pg from 'pg';
import type { Fault, Violation } from '../src/races/audit.js';
import { runRaces } from '../src/races/run-races.js';

const CONNECTIONS = 12;

describe('races', () => {
  let database: TestDatabase;
  let pool: pg.Pool;
  beforeEach(async () => {
    database = await createTestDatabase();
    pool = new pg.Pool({ connectionString: database.url, max: CONNECTIONS, options: PLANNER });
  });
  afterEach(async () => {
    await pool.end();
    await database.drop();
  });

  it('500 interleavings lose nothing, send nothing late or twice, and keep the order', async () => {
    const seed = Date.now() % 1_000_000_000;
    const found: { seed: number; violations: Violation[]; trace: string[] }[] = [];
    const result = await runRaces({
      runs: 500,
      seed,
      pool,
      onViolation: (run, violations) => found.push({ seed: run.seed, violations, trace: run.trace }),
    });
    expect(found).toEqual([]);
    expect(result).toMatchObject({ runs: 500, late: 0, lost: 0, doubled: 0, misordered: 0, seed });
    expect(result.texts).toBeGreaterThan(1_000);
  }, 120_000);

  /** Changes one line of the engine in this test's own database. */
  const breakFunction = async (name: string, from: string, to: string): Promise<void> => {
    const { rows } = await pool.query<{ text: string }>('select pg_get_functiondef($1::regproc) as text', [name]);
    const text = rows[0]!.text;
    if (text.split(from).length !== 2) throw new Error(`${name} does not have once: ${from}`);
    await pool.query(text.replace(from, () => to));
  };

  it.each<[Fault, string, string, string]>([
    ['late', 'messaging.opt_out', 'in array routing.fence_contact(c.id, p_now) loop', `in array '{}'::uuid[] loop`],
    ['lost', 'routing.sweep', 'where d.since <=', 'where false and d.since <='],
    ['doubled', 'messaging.claim_due', 'for update skip locked', ''],
    ['misordered', 'messaging.blockers', 'where session_id =', 'where false and session_id ='],
  ])(
    'the audit finds what is %s when %s is broken',
    async (fault, name, from, to) => {
      await breakFunction(name, from, to);
      const result = await runRaces({ runs: 100, seed: 1, pool });
      expect(result[fault]).toBeGreaterThan(0);
    },
    60_000,
  );
});
