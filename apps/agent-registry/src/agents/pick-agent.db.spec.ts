import { createTestDatabase, type TestDatabase } from '@darkspere/testing';

interface Candidate {
  name: string;
  account?: string;
  status?: string;
  dialect?: string;
  pool?: string;
  health?: number;
  max?: number;
  live?: number;
  ms?: number;
}

describe('registry.pick_agent', () => {
  let database: TestDatabase;
  let ours: string;
  let theirs: string;
  beforeAll(async () => {
    database = await createTestDatabase();
    const { rows } = await database.pool.query<{ id: string }>(
      `insert into security.accounts (name) values ('ours'), ('theirs') returning id`,
    );
    [ours, theirs] = rows.map(({ id }) => id) as [string, string];
  });
  afterAll(() => database?.drop());
  afterEach(() => database.pool.query('truncate routing.agent_sessions, registry.agent_registry, registry.agent_health'));

  const add = async ({
    name,
    account = ours,
    status = 'active',
    dialect = 'mcp',
    pool,
    health = 100,
    max = 10,
    live = 0,
    ms = 100,
  }: Candidate): Promise<string> => {
    const { rows } = await database.pool.query<{ id: string }>(
      `insert into registry.agent_registry (account_id, agent_name, endpoint_url, status, dialect, pool, health_score, max_concurrent_sessions, avg_response_time_ms)
       values ($1, $2, 'https://agent.example.com/', $3, $4, $5, $6, $7, $8) returning id`,
      [account, name, status, dialect, pool ?? null, health, max, ms],
    );
    const id = rows[0]!.id;
    await openSessions(id, account, live);
    return id;
  };

  const openSessions = (agent: string, account: string, count: number) =>
    database.pool.query(
      `insert into routing.agent_sessions (account_id, number_id, contact_id, handle, agent_id, last_text_at, started_at)
       select $1, gen_random_uuid(), gen_random_uuid(), gen_random_uuid()::text, $2, now(), now() from generate_series(1, $3)`,
      [account, agent, count],
    );

  const pick = async (bound: string | null = null, except: string | null = null, account = ours): Promise<string | undefined> => {
    const { rows } = await database.pool.query<{ name: string }>(
      'select agent_name as name from registry.agent_registry where id = registry.pick_agent($1, $2, $3)',
      [account, bound, except],
    );
    return rows[0]?.name;
  };

  describe('an unbound number', () => {
    it('takes the healthiest agent, however full and slow it is', async () => {
      await add({ name: 'well', health: 90, live: 9, ms: 900 });
      await add({ name: 'unwell', health: 89, live: 0, ms: 1 });
      expect(await pick()).toBe('well');
    });

    it('of equally healthy ones takes the one with the most room for its size, however slow it is', async () => {
      await add({ name: 'small', max: 4, live: 2, ms: 1 });
      await add({ name: 'large', max: 100, live: 49, ms: 900 });
      expect(await pick()).toBe('large');
    });

    it('of equally healthy and full ones takes the fastest', async () => {
      await add({ name: 'slow', ms: 300, max: 10, live: 5 });
      await add({ name: 'fast', ms: 200, max: 20, live: 10 });
      expect(await pick()).toBe('fast');
    });

    it('takes the built-in team last, however well it is', async () => {
      const poorly = await add({ name: 'poorly', status: 'degraded', health: 1, live: 9 });
      await add({ name: 'team', dialect: 'builtin', health: 100, max: 1_000_000 });
      expect(await pick()).toBe('poorly');
      expect(await pick(null, poorly)).toBe('team');
    });

    it('skips a full agent and one that is over its limit', async () => {
      await add({ name: 'full', max: 2, live: 2 });
      await add({ name: 'over', max: 2, live: 3 });
      expect(await pick()).toBeUndefined();
      await add({ name: 'free', health: 1, max: 2, live: 1 });
      expect(await pick()).toBe('free');
    });

    it('counts live sessions only', async () => {
      await add({ name: 'freed', max: 1, live: 1 });
      expect(await pick()).toBeUndefined();
      await database.pool.query('update routing.agent_sessions set ended_at = now()');
      expect(await pick()).toBe('freed');
    });

    it.each(['pending', 'offline', 'draining', 'retired'])('never takes an agent that is %s', async (status) => {
      await add({ name: status, status });
      expect(await pick()).toBeUndefined();
    });

    it("never takes another account's agent", async () => {
      await add({ name: 'foreign', account: theirs });
      expect(await pick()).toBeUndefined();
      expect(await pick(null, null, theirs)).toBe('foreign');
    });

    it('does not take the agent that is to be left', async () => {
      const bad = await add({ name: 'bad', health: 100 });
      await add({ name: 'other', health: 50 });
      expect(await pick(null, bad)).toBe('other');
    });
  });

  describe('a bound number', () => {
    it('takes its agent, however much better another of its pool is', async () => {
      const bound = await add({ name: 'bound', pool: 'p', health: 1, live: 9, ms: 900 });
      await add({ name: 'better', pool: 'p' });
      expect(await pick(bound)).toBe('bound');
    });

    it('falls over within the pool only, by the same order', async () => {
      const bound = await add({ name: 'bound', pool: 'p', max: 1, live: 1 });
      await add({ name: 'outside', pool: 'q', health: 100 });
      await add({ name: 'poolless', health: 100 });
      expect(await pick(bound)).toBeUndefined();
      await add({ name: 'second', pool: 'p', health: 40 });
      await add({ name: 'first', pool: 'p', health: 60 });
      expect(await pick(bound)).toBe('first');
    });

    it('without a pool has its agent and nobody else, pools without a name being no pool', async () => {
      const bound = await add({ name: 'bound', status: 'offline' });
      await add({ name: 'poolless' });
      expect(await pick(bound)).toBeUndefined();
    });

    it.each(['offline', 'draining', 'retired'])('with an agent that is %s falls over', async (status) => {
      const bound = await add({ name: 'bound', pool: 'p', status });
      await add({ name: 'next', pool: 'p' });
      expect(await pick(bound)).toBe('next');
    });

    it("does not fall over to another account's pool of the same name", async () => {
      const bound = await add({ name: 'bound', pool: 'p', status: 'offline' });
      await add({ name: 'foreign', pool: 'p', account: theirs });
      expect(await pick(bound)).toBeUndefined();
    });

    it('to the built-in team is answered by it', async () => {
      const team = await add({ name: 'team', dialect: 'builtin', pool: 'builtin' });
      await add({ name: 'better', health: 100 });
      expect(await pick(team)).toBe('team');
    });
  });

  describe('locks', () => {
    it('an agent row that somebody holds for update delays no choice', async () => {
      const id = await add({ name: 'held' });
      const holder = await database.pool.connect();
      try {
        await holder.query('begin');
        await holder.query('select from registry.agent_registry where id = $1 for update', [id]);
        const chooser = await database.pool.connect();
        try {
          await chooser.query(`set lock_timeout = '100ms'`);
          const { rows } = await chooser.query('select registry.pick_agent($1, null) as id', [ours]);
          expect(rows).toEqual([{ id }]);
        } finally {
          chooser.release(true);
        }
      } finally {
        holder.release(true);
      }
    });

    it('a choice in an open transaction locks no agent', async () => {
      const id = await add({ name: 'free' });
      const chooser = await database.pool.connect();
      try {
        await chooser.query('begin');
        await chooser.query('select registry.pick_agent($1, null)', [ours]);
        const { rowCount } = await database.pool.query('select from registry.agent_registry where id = $1 for update nowait', [id]);
        expect(rowCount).toBe(1);
      } finally {
        chooser.release(true);
      }
    });
  });
});
