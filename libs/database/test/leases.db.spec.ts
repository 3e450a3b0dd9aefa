import { Engine, FIRST_LEASE_MS, LEASE_MS, type Phone } from './engine.fixture.js';
import type { Claimed } from './engine.types.js';

describe('turns that fail or whose runner dies', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await Engine.start();
  });
  afterAll(() => engine?.stop());

  const claimedPhone = async (): Promise<{ phone: Phone; turn: Claimed; text: string }> => {
    const phone = await engine.phone();
    const { message_id } = await phone.text({ waiter: 'gw-1' });
    return { phone, turn: await phone.claimed(), text: message_id };
  };
  const sweep = (): Promise<string[]> => engine.sql.values('routing.sweep', [engine.now, 1_000]);
  const extend = ({ session_id, lease_token }: Claimed): Promise<string[]> =>
    engine.sql.values('routing.extend_leases', [[session_id], [lease_token], engine.now, `${LEASE_MS} milliseconds`]);

  it('a lease that ran out is claimed again with the same turn id and one more attempt; the late finisher is void', async () => {
    const { phone, turn } = await claimedPhone();
    engine.pass(FIRST_LEASE_MS - 1);
    expect(await phone.claim()).toMatchObject({ outcome: 'running' });
    engine.pass(1);
    const again = await phone.claimed();
    expect(again).toMatchObject({ turn_id: turn.turn_id, attempt: 2, texts: turn.texts });
    expect(again.lease_token).not.toBe(turn.lease_token);
    expect(await engine.complete(turn, 'late')).toMatchObject({ outcome: 'void' });
    expect(await engine.complete(again, 'in time')).toMatchObject({ outcome: 'answered' });
    expect((await engine.outbound(phone.from)).map(({ body }) => body)).toEqual(['in time']);
  });

  it('an attempt keeps its texts: those that came later are not added to it', async () => {
    const { phone, turn } = await claimedPhone();
    await phone.text('later');
    engine.pass(LEASE_MS);
    expect((await phone.claimed()).texts).toEqual(turn.texts);
  });

  it('a lease that ran out and that nobody claimed yet still completes', async () => {
    const { turn } = await claimedPhone();
    engine.pass(LEASE_MS + 1);
    expect(await engine.complete(turn)).toMatchObject({ outcome: 'answered' });
  });

  it('a heartbeat keeps a lease and tells which ones are lost', async () => {
    const { phone, turn } = await claimedPhone();
    engine.pass(FIRST_LEASE_MS - 1);
    expect(await extend(turn)).toEqual([turn.lease_token]);
    engine.pass(LEASE_MS - 1);
    expect(await phone.claim()).toMatchObject({ outcome: 'running' });
    engine.pass(1);
    await phone.claimed();
    expect(await extend(turn)).toEqual([]);
  });

  it('the sweeper finds a text whose doorbell was lost, a dead runner’s turn, and nothing that runs or may not run yet', async () => {
    const [lost, running, dead, paused, answered] = await Promise.all(Array.from({ length: 5 }, () => engine.phone()));
    for (const phone of [lost!, running!, dead!, paused!]) await phone.text();
    await answered!.answered();
    await dead!.claimed();
    await engine.fail(await paused!.claimed(), 60_000);
    expect(await sweep()).not.toContain(lost!.session);
    engine.pass(LEASE_MS);
    await running!.claimed();
    const found = await sweep();
    expect(found).toEqual(expect.arrayContaining([lost!.session, dead!.session]));
    for (const phone of [running!, paused!, answered!]) expect(found).not.toContain(phone.session);
  });

  it('a failed attempt is tried again after its pause, with the same idempotency key', async () => {
    const { phone, turn } = await claimedPhone();
    const end = await engine.fail(turn, 1_000);
    expect(end.outcome).toBe('retry');
    expect(new Date(end.more_at!)).toEqual(engine.after(1_000));
    expect(await phone.claim()).toMatchObject({ outcome: 'later' });
    expect(await phone.text()).toMatchObject({ ring: false });
    engine.pass(1_000);
    expect(await phone.claimed()).toMatchObject({ turn_id: turn.turn_id, attempt: 2 });
  });

  it('an attempt that never reached the agent does not count', async () => {
    const { phone, turn } = await claimedPhone();
    expect(await engine.fail(turn, 100, false)).toMatchObject({ outcome: 'retry' });
    engine.pass(100);
    expect(await phone.claimed()).toMatchObject({ attempt: 1 });
  });

  it('after the third attempt an apology is stored, an alert is raised, and the session goes on', async () => {
    const { phone, turn, text } = await claimedPhone();
    await phone.text('meanwhile');
    await engine.fail(turn, 0);
    await engine.fail(await phone.claimed(), 0);
    const end = await engine.fail(await phone.claimed(), 0);
    expect(end).toMatchObject({
      outcome: 'closed',
      turn_id: turn.turn_id,
      waiters: [{ waiter: 'gw-1', message_id: text }],
      alert: { kind: 'turn_apologised', severity: 'warning' },
    });
    expect(await engine.cell('select status from routing.turns where id = $1', [turn.turn_id])).toBe('apologised');
    expect(await engine.take(text)).toMatchObject({ state: 'send', body: expect.stringMatching(/^Sorry/) as string });
    expect(await engine.alerts(turn.agent_id)).toMatchObject([{ kind: 'turn_apologised' }]);
    engine.pass(400);
    expect((await phone.claimed()).texts.map(({ body }) => body)).toEqual(['meanwhile']);
  });

  it('runners that die count as attempts: the fourth claim closes the turn', async () => {
    const { phone, turn } = await claimedPhone();
    for (const attempt of [2, 3]) {
      engine.pass(LEASE_MS);
      expect(await phone.claimed()).toMatchObject({ attempt });
    }
    engine.pass(LEASE_MS);
    expect(await phone.claim()).toMatchObject({ outcome: 'closed', reason: 'turn_attempts', turn_id: turn.turn_id });
    expect(await engine.outbound(phone.from)).toMatchObject([{ status: 'pending', purpose: 'reply' }]);
  });

  it('past its deadline, 30 s after the first text, a turn closes with an apology', async () => {
    const { phone, turn } = await claimedPhone();
    expect(new Date(turn.deadline)).toEqual(engine.after(30_000));
    engine.pass(30_000);
    expect(await phone.claim()).toMatchObject({ outcome: 'closed', reason: 'turn_deadline' });
    expect(await engine.complete(turn)).toMatchObject({ outcome: 'void' });
    expect(await engine.outbound(phone.from)).toHaveLength(1);
  });

  it('a pause never ends after the deadline, and a failure past it closes the turn', async () => {
    const { phone, turn } = await claimedPhone();
    engine.pass(29_000);
    const end = await engine.fail(turn, 5_000);
    expect(new Date(end.more_at!)).toEqual(new Date(turn.deadline));
    engine.pass(1_000);
    expect(await phone.claim()).toMatchObject({ outcome: 'closed' });
  });

  it('an answer that is nonsense closes the turn at once', async () => {
    const { phone, turn } = await claimedPhone();
    expect(await engine.fail(turn, null)).toMatchObject({ outcome: 'closed', reason: 'agent_down' });
    expect(await engine.outbound(phone.from)).toHaveLength(1);
  });

  it('only the holder of the lease can fail the turn', async () => {
    const { phone, turn } = await claimedPhone();
    engine.pass(LEASE_MS);
    const again = await phone.claimed();
    expect(await engine.fail(turn, null)).toMatchObject({ outcome: 'void' });
    expect(await engine.complete(again)).toMatchObject({ outcome: 'answered' });
  });

  it('with no agent the text waits, an alert is raised, and the first agent that is well again gets it', async () => {
    const agent = await engine.agent({ status: 'offline' });
    const phone = engine.phoneTo(await engine.number(agent));
    await phone.text('anybody?');
    expect(await phone.claim()).toMatchObject({ outcome: 'no_agent', at: expect.any(String) as string });
    expect(await engine.alerts(engine.account)).toMatchObject([{ kind: 'no_agent', severity: 'critical' }]);
    expect(await phone.claim()).toMatchObject({ outcome: 'later' });
    engine.pass(1_000);
    await engine.rows(`update registry.agent_registry set status = 'active' where id = $1`, [agent]);
    expect(await phone.claimed()).toMatchObject({ agent_id: agent, attempt: 1, texts: [{ body: 'anybody?' }] });
  });

  it('with no agent until the deadline the text gets an apology', async () => {
    const phone = engine.phoneTo(await engine.number(await engine.agent({ status: 'offline' })));
    const { message_id } = await phone.text();
    expect(await phone.claim()).toMatchObject({ outcome: 'no_agent' });
    engine.pass(30_000);
    expect(await phone.claim()).toMatchObject({ outcome: 'closed', reason: 'turn_deadline' });
    expect(await engine.take(message_id)).toMatchObject({ state: 'send' });
  });

  it('an agent that went away hands its turn to another one of its pool, with the same idempotency key', async () => {
    const [sick, other] = [await engine.agent({ pool: 'p' }), await engine.agent({ pool: 'p' })];
    const phone = engine.phoneTo(await engine.number(sick));
    await phone.text();
    const turn = await phone.claimed();
    expect(turn.agent_id).toBe(sick);
    await engine.fail(turn, 0);
    await engine.rows(`update registry.agent_registry set status = 'offline' where id = $1`, [sick]);
    expect(await phone.claimed()).toMatchObject({ agent_id: other, turn_id: turn.turn_id });
  });
});
