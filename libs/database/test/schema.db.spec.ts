import { bootstrap, migrate } from '../src/index.js';
import { Engine } from './engine.fixture.js';

describe('the schema', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await Engine.start();
  });
  afterAll(() => engine?.stop());

  /** Every table, column, index, constraint and function, as the catalogue tells it. */
  const snapshot = async (): Promise<string> =>
    JSON.stringify([
      await engine.rows(`select table_schema, table_name, column_name, data_type, is_nullable, column_default from information_schema.columns
        where table_schema not in ('pg_catalog', 'information_schema') order by 1, 2, ordinal_position`),
      await engine.rows(
        `select schemaname, indexname, indexdef from pg_indexes where schemaname not in ('pg_catalog', 'information_schema') order by 1, 2`,
      ),
      await engine.rows(
        `select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint where connamespace::regnamespace::text not in ('pg_catalog', 'information_schema') order by 1, 2`,
      ),
      await engine.rows(
        `select p.oid::regprocedure::text, md5(prosrc) from pg_proc p join pg_namespace n on n.oid = pronamespace where nspname not in ('pg_catalog', 'information_schema') order by 1`,
      ),
    ]);
  const partitionOf = (table: string, id: string): Promise<string> =>
    engine.cell(`select tableoid::regclass::text from ${table} where ${table.endsWith('ledger') ? 'source_id' : 'id'} = $1`, [id]);

  it('migrating again, also twice at once, changes nothing', async () => {
    const before = await snapshot();
    await migrate(engine.url);
    await Promise.all([migrate(engine.url), migrate(engine.url)]);
    expect(await snapshot()).toBe(before);
  });

  it('migrating under a running system keeps what is there', async () => {
    const phone = await engine.phone();
    const { text } = await phone.answered();
    await migrate(engine.url);
    expect(await engine.take(text)).toMatchObject({ state: 'send' });
  });

  it('every function body parses', async () => {
    const rows = await engine.rows<{ text: string }>(
      `select pg_get_functiondef(p.oid) as text from pg_proc p join pg_namespace n on n.oid = p.pronamespace
       where nspname in ('platform', 'security', 'registry', 'messaging', 'routing', 'billing', 'analytics')`,
    );
    expect(rows.length).toBeGreaterThan(50);
    // They were stored unread, since they call each other across files.
    for (const { text } of rows) await engine.pool.query(text);
  });

  it('bootstrapping again keeps the account, its number and its key', async () => {
    const options = { name: 'ours', phoneNumber: '+15550001000', adminKey: { prefix: 'ds_live_1', hash: 'h' } };
    const first = await bootstrap(engine.url, options);
    const again = await bootstrap(engine.url, { ...options, adminKey: null });
    expect(again).toEqual({ accountId: first.accountId, needsAdminKey: false });
    expect(await engine.cell(`select count(*)::int from registry.agent_registry where dialect = 'builtin'`)).toBe(1);
    expect(await engine.cell(`select count(*)::int from messaging.phone_numbers where phone_number = '+15550001000'`)).toBe(1);
  });

  it('bootstrapping at the same time makes one account, one team and one number', async () => {
    const options = { name: 'ours', phoneNumber: '+15550001001', adminKey: null };
    const made = await Promise.all([bootstrap(engine.url, options), bootstrap(engine.url, options), bootstrap(engine.url, options)]);
    expect(new Set(made.map(({ accountId }) => accountId)).size).toBe(1);
    expect(await engine.cell(`select count(*)::int from registry.agent_registry where dialect = 'builtin'`)).toBe(1);
  });

  it('each tenant table carries its account', async () => {
    const without = await engine.rows(
      `select table_schema || '.' || table_name as name from information_schema.tables t
       where table_schema in ('registry', 'messaging', 'routing', 'billing', 'analytics', 'security') and table_type = 'BASE TABLE' and not exists (
         select from information_schema.columns c where c.table_schema = t.table_schema and c.table_name = t.table_name and c.column_name = 'account_id') order by 1`,
    );
    // What is left are keys that lead to a row which has it.
    expect(without).toEqual([
      { name: 'messaging.inbound_receipts' },
      { name: 'routing.agent_load' },
      { name: 'routing.due_sessions' },
      { name: 'security.accounts' },
    ]);
  });

  describe('partitions', () => {
    const idAt = (at: string): Promise<string> => engine.sql.value('platform.uuid_at', [at]);
    const ledger = 'billing.usage_ledger';
    const use = async (id: string): Promise<string> => {
      await engine.sql.value('billing.append_usage', [[engine.account], [id], ['agent_turn'], [1], engine.now]);
      return partitionOf(ledger, id);
    };

    it('a row lands in the partition of its month', async () => {
      const phone = await engine.phone();
      const { message_id } = await phone.text();
      const month = await engine.cell<string>(`select to_char(now() at time zone 'UTC', 'YYYYMM')`);
      expect(await partitionOf('messaging.message_history', message_id)).toBe(`messaging.message_history_${month}`);
      expect(await partitionOf(ledger, message_id)).toBe(`${ledger}_${month}`);
    });

    it('months begin at midnight UTC, to the millisecond', async () => {
      await engine.sql.value('platform.ensure_partitions', [ledger, '2031-01-15T00:00:00Z', 1]);
      expect(await use(await idAt('2031-01-31T23:59:59.999Z'))).toBe(`${ledger}_203101`);
      expect(await use(await idAt('2031-02-01T00:00:00Z'))).toBe(`${ledger}_203102`);
    });

    it('what belongs to no month that exists lands in the default partition', async () => {
      expect(await use(await idAt('2040-05-05T00:00:00Z'))).toBe(`${ledger}_other`);
      expect(await use('11111111-1111-4111-8111-111111111111')).toBe(`${ledger}_other`);
    });

    it('making them again makes none, also at the same time', async () => {
      const make = (): Promise<number> => engine.sql.value('platform.ensure_partitions', [ledger, '2033-01-01T00:00:00Z', 2]);
      expect(await make()).toBe(3);
      expect(await make()).toBe(0);
    });

    it('usage is counted once, in whichever partition', async () => {
      const id = await idAt('2041-01-01T00:00:00Z');
      await use(id);
      await use(id);
      expect(await engine.cell('select sum(quantity)::int from billing.usage_ledger where source_id = $1', [id])).toBe(1);
    });
  });
});
