import { healthScore } from '@darkspere/domain';
import { createTestDatabase, type TestDatabase } from '@darkspere/testing';

interface Report {
  successes?: number;
  failures?: number;
  latency_ms?: number;
  last_is_failure?: boolean;
  in_row?: number;
  failure?: object;
}

describe('the health of agents', () => {
  let database: TestDatabase;
  let account: string;
  let now: Date;
  beforeAll(async () => {
    database = await createTestDatabase();
    const { rows } = await database.pool.query<{ id: string }>(`insert into security.accounts (name) values ('ours') returning id`);
    account = rows[0]!.id;
  });
  beforeEach(() => {
    now = new Date();
  });
  afterAll(() => database?.drop());
  afterEach(() => database.pool.query('truncate registry.agent_health, registry.agent_registry'));

  const pass = (ms: number): Date => (now = new Date(now.getTime() + ms));
  const rows = async <T>(text: string, values: unknown[] = []): Promise<T[]> => (await database.pool.query(text, values)).rows as T[];
  const add = async (status = 'active', dialect = 'chat'): Promise<string> => {
    const [row] = await rows<{ id: string }>(
      `insert into registry.agent_registry (account_id, agent_name, endpoint_url, status, dialect) values ($1, 'a', 'https://a.test/', $2, $3) returning id`,
      [account, status, dialect],
    );
    return row!.id;
  };
  const statusOf = async (id: string): Promise<[string, number]> => {
    const [row] = await rows<{ status: string; score: number }>(
      'select status, health_score as score from registry.agent_registry where id = $1',
      [id],
    );
    return [row!.status, row!.score];
  };
  const tell = async (id: string, report: Report, isProbe = false): Promise<{ from: string; to: string }[]> => {
    const whole = { agent_id: id, successes: 0, failures: 0, latency_ms: 0, last_is_failure: false, in_row: 1, ...report };
    const found = await rows<{ value: { from: string; to: string } }>('select registry.record_health($1, $2, $3) as value', [
      JSON.stringify([whole]),
      isProbe,
      now,
    ]);
    return found.map(({ value }) => value);
  };
  const succeed = (id: string, count = 1, ms = 100) => tell(id, { successes: count, latency_ms: ms, in_row: count });
  const fail = (id: string, count = 1) =>
    tell(id, { failures: count, last_is_failure: true, in_row: count, failure: { code: 'agent_unreachable' } });
  const probed = (id: string, count = 1) => tell(id, { successes: count, latency_ms: 5, in_row: count }, true);
  const claim = async (limit = 100): Promise<string[]> =>
    (await rows<{ id: string }>('select registry.claim_probes($1, $2) as id', [limit, now])).map(({ id }) => id);

  it('the score is the one of libs/domain', async () => {
    for (const successRate of [0, 0.35, 0.5, 0.999, 1])
      for (const latencyMs of [0, 1_999, 2_001, 5_555, 10_000, 90_000])
        for (const silenceMs of [0, 60_000, 61_000, 300_000, 600_000, 86_400_000]) {
          const [row] = await rows<{ score: number }>('select registry.health_score($1::real, $2::real, $3) as score', [
            successRate,
            latencyMs,
            `${silenceMs} milliseconds`,
          ]);
          // The column is a 4-byte float: one point of rounding.
          expect(Math.abs(row!.score - healthScore({ successRate, latencyMs, silenceMs }))).toBeLessThanOrEqual(1);
        }
  });

  describe('probes', () => {
    it('the first comes within 15 s, the next after 15 to 30 s, and each agent is given out once', async () => {
      const ids = await Promise.all(Array.from({ length: 20 }, () => add()));
      expect((await claim()).length).toBeLessThan(20);
      pass(15_000);
      const two = await Promise.all([claim(15), claim(15)]);
      const before = two.flat();
      expect(new Set(before).size).toBe(before.length);
      const [{ soonest, latest }] = (await rows(
        `select min(extract(epoch from probe_at - $1)) as soonest, max(extract(epoch from probe_at - $1)) as latest from registry.agent_health where agent_id = any ($2)`,
        [now, before],
      )) as [{ soonest: string; latest: string }];
      expect(Number(soonest)).toBeGreaterThanOrEqual(15);
      expect(Number(latest)).toBeLessThanOrEqual(30);
      expect(ids).toEqual(expect.arrayContaining(before));
    });

    it('a failure brings the next one forward', async () => {
      const id = await add();
      await succeed(id);
      pass(1);
      await claim();
      await fail(id);
      pass(1_000);
      expect(await claim()).toEqual([id]);
    });

    it('an offline agent is asked again after a second, and less often the longer it is silent', async () => {
      const id = await add();
      await succeed(id);
      await fail(id, 2);
      pass(1_000);
      for (const [silentMs, pauseMs] of [[1_000, 1_000], [60_000, 6_000], [600_000, 15_000]] as const) {
        await rows('update registry.agent_health set last_success_at = $1, probe_at = $2', [new Date(now.getTime() - silentMs), now]);
        expect(await claim()).toEqual([id]);
        pass(pauseMs - 1);
        expect(await claim()).toEqual([]);
        pass(1);
        expect(await claim()).toEqual([id]);
      }
    }); // prettier-ignore

    it('one that never answered counts its silence from its registration', async () => {
      const id = await add();
      await fail(id, 2);
      await rows('update registry.agent_registry set created_at = $1', [new Date(now.getTime() - 60_000)]);
      pass(1_000);
      expect(await claim()).toEqual([id]);
      pass(5_999);
      expect(await claim()).toEqual([]);
      pass(200);
      expect(await claim()).toEqual([id]);
    });

    it('agents that are not probed hold no others up', async () => {
      const gone = await Promise.all(Array.from({ length: 30 }, () => add()));
      await claim();
      pass(15_000);
      await claim();
      await rows(`update registry.agent_registry set status = 'retired' where id = any ($1)`, [gone]);
      const id = await add();
      await claim();
      pass(30_000);
      const found: string[] = [];
      for (let i = 0; i < 5; i += 1) found.push(...(await claim(10)));
      expect(found).toEqual([id]);
    });

    it('nobody asks the built-in team, nor an agent that is pending or retired', async () => {
      await add('active', 'builtin');
      await add('pending');
      await add('retired');
      await claim();
      pass(60_000);
      expect(await claim()).toEqual([]);
    });
  });

  describe('the status', () => {
    it('two failures in a row: offline, told once; one, or two with a success between: not', async () => {
      const id = await add();
      expect(await fail(id)).toEqual([]);
      await succeed(id);
      expect(await fail(id)).toEqual([]);
      expect(await fail(id)).toMatchObject([{ from: 'active', to: 'offline' }]);
      expect(await fail(id)).toEqual([]);
      expect((await statusOf(id))[0]).toBe('offline');
    });

    it('failures of many calls at once are in a row too', async () => {
      const id = await add();
      await succeed(id, 50);
      expect(await tell(id, { successes: 1, failures: 3, latency_ms: 90, last_is_failure: true, in_row: 3 })).toMatchObject([
        { to: 'offline' },
      ]);
    });

    it('replicas that tell of the same death change it once', async () => {
      const id = await add();
      await succeed(id);
      const told = await Promise.all(Array.from({ length: 6 }, () => fail(id, 2)));
      expect(told.flat()).toHaveLength(1);
    });

    it('back from offline: two probes in a row succeed, one is luck', async () => {
      const id = await add();
      await succeed(id, 100);
      await fail(id, 2);
      expect(await probed(id)).toEqual([]);
      await fail(id);
      expect(await probed(id)).toEqual([]);
      expect(await probed(id)).toMatchObject([{ from: 'offline' }]);
      expect(await fail(id)).toEqual([]);
    });

    it('a probe that succeeds does not make good what calls failed: two failed turns take it off, however far apart', async () => {
      const id = await add();
      expect(await fail(id)).toEqual([]);
      await probed(id, 10);
      expect(await fail(id)).toMatchObject([{ to: 'offline' }]);
    });

    it('who relapses without a live success needs twice as many probes each time', async () => {
      const id = await add();
      for (const needed of [2, 4, 8]) {
        expect(await fail(id, 2)).toMatchObject([{ to: 'offline' }]);
        for (let probe = 1; probe < needed; probe += 1) expect(await probed(id)).toEqual([]);
        expect(await probed(id)).toMatchObject([{ from: 'offline' }]);
      }
      await succeed(id);
      await fail(id, 2);
      await probed(id);
      expect(await probed(id)).toMatchObject([{ from: 'offline' }]);
    });

    it('degraded below 60, well again at 75: a score between changes nothing', async () => {
      const id = await add();
      const lame = () => tell(id, { failures: 1, in_row: 1 });
      const heard: string[] = [];
      for (let i = 0; i < 6; i += 1) heard.push(...(await lame()).map(({ to }) => to));
      const [status, low] = await statusOf(id);
      expect([heard, status]).toEqual([['degraded'], 'degraded']);
      expect(low).toBeLessThan(60);
      let score = low;
      while (score < 75) {
        expect((await statusOf(id))[0]).toBe('degraded');
        await succeed(id);
        [, score] = await statusOf(id);
      }
      expect((await statusOf(id))[0]).toBe('active');
    });

    it('the built-in team is never offline, and a draining agent that dies is told of once', async () => {
      const team = await add('active', 'builtin');
      expect((await fail(team, 5)).map(({ to }) => to)).not.toContain('offline');
      const draining = await add('draining');
      expect(await fail(draining, 2)).toMatchObject([{ from: 'draining', to: 'dead' }]);
      expect(await fail(draining, 2)).toEqual([]);
      expect((await statusOf(draining))[0]).toBe('draining');
    });

    it('what is said of a retired or an unknown agent changes nothing', async () => {
      const id = await add('retired');
      expect(await fail(id, 5)).toEqual([]);
      expect(await fail('00000000-0000-7000-8000-000000000000', 5)).toEqual([]);
    });
  });

  it('the summary shows how each agent does, and why its last call failed', async () => {
    const id = await add();
    await succeed(id, 10, 240);
    await fail(id);
    expect(await rows('select * from registry.agent_health_summary')).toMatchObject([
      {
        agent_id: id,
        status: 'active',
        avg_response_time_ms: 240,
        failures_in_row: 1,
        last_check_at: now,
        last_failure: { code: 'agent_unreachable' },
      },
    ]);
  });
});
