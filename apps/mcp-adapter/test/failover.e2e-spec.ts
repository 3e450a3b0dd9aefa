import { eventually } from '@darkspere/testing';
import { HealthProbes } from '../src/health/health-probes.js';
import { HealthReports } from '../src/health/health-reports.js';
import { Adapters } from './adapter.harness.js';

describe('an agent that dies', () => {
  let adapters: Adapters;
  let pools = 0;
  beforeAll(async () => {
    adapters = await Adapters.start();
  });
  afterAll(() => adapters?.stop());

  /** Two agents of one pool; the number belongs to the first. */
  const pair = async (query = '') => {
    const pool = `pool ${(pools += 1)}`;
    const first = await adapters.agent({ pool, query });
    const standby = await adapters.agent({ pool });
    return { first, standby };
  };
  const statusOf = async (id: string): Promise<string> =>
    (await adapters.rows<{ status: string }>('select status from registry.agent_registry where id = $1', [id]))[0]!.status;
  const alerts = (agentId: string) =>
    adapters.rows<{ kind: string; resolved_at: Date | null }>('select kind, resolved_at from analytics.system_alerts where subject = $1', [
      agentId,
    ]);

  it('in the middle of turns: the standby answers each of them once, under the same Idempotency-Key, and people notice nothing', async () => {
    const { first, standby } = await pair('delay_ms=5000');
    const phones = Array.from({ length: 20 }, () => adapters.phone());
    await Promise.all(phones.map((phone) => adapters.text(first.number, phone, `Hello from ${phone}`)));
    await eventually(() => expect(adapters.calls(first.name)).toHaveLength(20));
    const diedAt = Date.now();
    adapters.twin.control({ agent: first.name, down: true });
    for (const phone of phones) expect(await adapters.answered(phone)).toEqual([expect.stringContaining(`Hello from ${phone}`)]);
    expect(Date.now() - diedAt).toBeLessThan(8_000);
    const keys = (name: string) => adapters.calls(name).map(({ idempotency_key }) => idempotency_key).sort(); // prettier-ignore
    expect(keys(standby.name)).toEqual(keys(first.name));
    expect(await statusOf(first.id)).toBe('offline');
    expect(await alerts(first.id)).toMatchObject([{ kind: 'agent_offline', resolved_at: null }]);
  });

  it('keeps nobody who texts later, and gets no one back when it is well again', async () => {
    const { first, standby } = await pair();
    const phone = adapters.phone();
    const { session_id } = await adapters.text(first.number, phone, 'one');
    await adapters.answered(phone);
    adapters.twin.control({ agent: first.name, down: true });
    await adapters.text(first.number, phone, 'two');
    await adapters.answered(phone, 2);
    adapters.twin.control({ agent: first.name });
    const [probes, reports] = [adapters.app.get(HealthProbes), adapters.app.get(HealthReports)];
    for (let probe = 0; probe < 2; probe += 1) {
      await probes.probe(first.id);
      await reports.flush();
    }
    expect(['active', 'degraded']).toContain(await statusOf(first.id));
    expect(await alerts(first.id)).toMatchObject([{ kind: 'agent_offline', resolved_at: expect.any(Date) as Date }]);
    await adapters.text(first.number, phone, 'three');
    await adapters.answered(phone, 3);
    expect(adapters.calls(standby.name).map(({ message }) => message)).toEqual(['two', 'three']);
    expect(await adapters.session(session_id)).toMatchObject({ agent_id: standby.id });
  });

  it('alone: its texts wait, and it answers them when it is back', async () => {
    const { id, name, number } = await adapters.agent();
    const phone = adapters.phone();
    adapters.twin.control({ agent: name, down: true });
    await adapters.text(number, phone, 'Hello');
    await eventually(async () => expect(await statusOf(id)).toBe('offline'));
    adapters.twin.control({ agent: name });
    expect(await adapters.answered(phone, 1, 15_000)).toEqual(['echo: Hello']);
    expect(await statusOf(id)).not.toBe('offline');
  }, 30_000);
});
