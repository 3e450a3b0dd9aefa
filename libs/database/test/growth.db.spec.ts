import { Pool } from 'pg';
import { PLANNER } from '@darkspere/database';
import { createTestDatabase } from '@darkspere/testing';

type Database = Awaited<ReturnType<typeof createTestDatabase>>;

/** One connection whose plans are all made while the tables are empty, as in a new installation. */
describe('the cost of a turn', () => {
  let database: Database;
  let pool: Pool;
  let account: string;
  let sent = 0;

  beforeAll(async () => {
    database = await createTestDatabase();
    pool = new Pool({ connectionString: database.url, max: 1, options: PLANNER });
    account = (await pool.query<{ id: string }>(`select security.ensure_default_account('growth') as id`)).rows[0]!.id;
    await pool.query(`select messaging.ensure_number($1, '+15550001000', registry.ensure_builtin_agent($1))`, [account]);
  });

  afterAll(async () => {
    await pool.end();
    await database.drop();
  });

  const call = async <T>(name: string, ...args: unknown[]): Promise<T[]> => {
    const text = `select ${name}(${args.map((_, i) => `$${i + 1}`).join(', ')}) as value`;
    return (await pool.query<{ value: T }>({ name, text, values: args })).rows.map(({ value }) => value);
  };

  const turns = async (phones: string[]): Promise<void> => {
    const now = new Date();
    const texts = phones.map((from) => ({
      account_id: account, account_sid: 'AC1', message_sid: `SM${(sent += 1)}`, from, to: '+15550001000', channel: 'sms', body: 'hello', media: null, segments: 1,
      encoding: 'GSM-7', fields: {}, waiter: 'gw', offer_until: new Date(now.getTime() + 3_500), handle: `handle-${sent}`, traceparent: null, received_at: now,
    })); // prettier-ignore
    const accepted = await call<{ message_id: string; session_id: string; lease_token: string | null }>(
      'messaging.accept_inbound',
      JSON.stringify(texts),
      now,
    );
    const claims = await call<{ session_id: string; turn_id: string; lease_token: string }>(
      'routing.claim_turns',
      accepted.map((one) => one.session_id),
      accepted.map((one) => one.lease_token),
      now,
      '4 seconds',
    );
    const answers = claims.map(({ session_id, turn_id, lease_token }) => ({
      session_id,
      turn_id,
      lease_token,
      parts: [{ body: 'hi', segments: 1, encoding: 'GSM-7' }],
      state: null,
      hops: [],
    }));
    await call('routing.complete_turns', JSON.stringify(answers), now);
    const taken = await call<{ answer_id: string }>(
      'messaging.take_reply',
      accepted.map((one) => one.message_id),
      accepted.map(() => false),
      now,
    );
    for (const { answer_id } of taken) await call('messaging.record_receipt', answer_id, `SM-${answer_id}`, 'delivered', null, now);
    await call('messaging.claim_due', 25, now);
  };

  /** Rows read per turn of one of a few phones. */
  const rowsRead = async (): Promise<number> => {
    const read = async (): Promise<number> => {
      await pool.query('select pg_stat_force_next_flush()');
      await pool.query('select pg_stat_clear_snapshot()');
      const { rows } = await pool.query<{ n: number }>(
        'select sum(coalesce(idx_tup_fetch, 0) + seq_tup_read)::float8 as n from pg_stat_user_tables',
      );
      return rows[0]!.n;
    };
    const before = await read();
    for (let i = 0; i < 10; i += 1) await turns([`+1555100000${i % 5}`]);
    return ((await read()) - before) / 10;
  };

  it('does not grow with the number of sessions', async () => {
    await rowsRead();
    const small = await rowsRead();
    for (let i = 0; i < 60; i += 1) await turns(Array.from({ length: 20 }, (_, k) => `+1555200${String(i * 20 + k).padStart(4, '0')}`));
    const large = await rowsRead();
    // History grows to its 20 messages; a single scan of the 1,200 sessions would show.
    expect(large).toBeLessThan(small + 100);
  });
});
