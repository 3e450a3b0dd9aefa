import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { SchedulerRegistry } from '@nestjs/schedule';
import { eventually } from '@darkspere/testing';
import { LEASE_MS } from '../src/turns/turns.repository.js';
import { TurnsService } from '../src/turns/turns.service.js';
import { Adapters, type AcceptedText, type TextOptions } from './adapter.harness.js';

describe('adapters on one database', () => {
  let adapters: Adapters;
  let phone: string;
  beforeAll(async () => {
    adapters = await Adapters.start();
  });
  beforeEach(() => {
    phone = adapters.phone();
  });
  afterAll(() => adapters?.stop());

  /** A text that this adapter claims, and no other. */
  const textFor = async (app: NestFastifyApplication, number: string, options: TextOptions = {}): Promise<AcceptedText> => {
    const accepted = await adapters.text(number, phone, 'Hello', { ...options, rings: false });
    await app.get(TurnsService).look(accepted.session_id, accepted.lease_token);
    return accepted;
  };
  /** Somebody takes the lease away, as failover does, or it runs out. */
  const voidLease = (sessionId: string) =>
    adapters.rows(`update routing.agent_sessions set lease_token = null, lease_until = null where id = $1`, [sessionId]);
  /** Resolves at a heartbeat that came after `moment`. */
  const heartbeatAfter = (sessionId: string, moment: number) =>
    eventually(async () => {
      const { lease_until } = await adapters.session(sessionId);
      expect(lease_until!.getTime() - LEASE_MS).toBeGreaterThan(moment);
    });

  it('one that lost a lease and claims the same turn again stops its old call, and keeps the new lease', async () => {
    const { name, number } = await adapters.agent();
    adapters.twin.control({ agent: name, delay_ms: 20_000 });
    const { session_id } = await adapters.text(number, phone, 'Hello');
    await eventually(() => expect(adapters.calls(name)).toHaveLength(1));
    await voidLease(session_id);
    await adapters.app.get(TurnsService).look(session_id);
    await eventually(() => expect(adapters.calls(name).map(({ outcome }) => outcome)).toEqual(['aborted', 'running']));
    await heartbeatAfter(session_id, Date.now());
    expect(adapters.calls(name).map(({ outcome }) => outcome)).toEqual(['aborted', 'running']);
    adapters.twin.control({ agent: name, down: true });
    await eventually(async () => expect(await adapters.session(session_id)).toMatchObject({ lease_token: null }));
    adapters.twin.control({ agent: name });
    await adapters.rows('update routing.agent_sessions set run_after = now() where id = $1', [session_id]);
    expect(await adapters.answered(phone)).toEqual(['echo: Hello']);
    expect(await adapters.turns(session_id)).toMatchObject([{ status: 'answered', attempts: 3 }]);
  });

  describe('of which there are two', () => {
    let other: NestFastifyApplication;
    beforeAll(async () => {
      other = await adapters.replica();
    });

    it('never run one session twice, however often and wherever it is rung for', async () => {
      const { name, number } = await adapters.agent({ query: 'delay_ms=100' });
      const { session_id } = await adapters.text(number, phone, 'Hello', { rings: false });
      await voidLease(session_id);
      await Promise.all(Array.from({ length: 30 }, (_, i) => (i % 2 ? adapters.app : other).get(TurnsService).look(session_id)));
      expect(await adapters.answered(phone)).toEqual(['echo: Hello']);
      expect(adapters.calls(name)).toHaveLength(1);
    });

    it('share many sessions: each text is asked once, one call of a session at a time, in order', async () => {
      const { name, number } = await adapters.agent({ query: 'delay_ms=20', doubleText: 'enqueue' });
      const phones = Array.from({ length: 25 }, () => adapters.phone());
      for (const round of [1, 2, 3]) await Promise.all(phones.map((one) => adapters.text(number, one, `${one} ${round}`)));
      for (const one of phones) expect(await adapters.answered(one, 3)).toEqual([1, 2, 3].map((round) => `echo: ${one} ${round}`));
      const calls = adapters.calls(name);
      expect(calls).toHaveLength(75);
      const bySession = Map.groupBy(calls, ({ session_id }) => session_id);
      expect(bySession.size).toBe(25);
      for (const session of bySession.values())
        session.slice(1).forEach(({ at }, i) => expect(at).toBeGreaterThanOrEqual(session[i]!.at + session[i]!.ms!));
    });

    it('one takes over a turn whose lease the other lost, under the same Idempotency-Key, and one answer counts', async () => {
      const { name, number } = await adapters.agent();
      adapters.twin.control({ agent: name, delay_ms: 800 });
      const frozen = await adapters.replica();
      // No heartbeat and no sweep: as good as dead, but for the call that it still waits for.
      const schedule = frozen.get(SchedulerRegistry);
      for (const interval of schedule.getIntervals()) schedule.deleteInterval(interval);
      const { session_id } = await textFor(frozen, number);
      await eventually(() => expect(adapters.calls(name)).toHaveLength(1));
      adapters.twin.control({ agent: name });
      await voidLease(session_id);
      await other.get(TurnsService).look(session_id);
      expect(await adapters.answered(phone)).toEqual(['echo: Hello']);
      const [turn] = await adapters.turns(session_id);
      expect(adapters.calls(name).map(({ idempotency_key }) => idempotency_key)).toEqual([turn!.id, turn!.id]);
      // Its own answer comes too late and counts for nothing.
      await adapters.close(frozen);
      expect(adapters.calls(name).map(({ outcome }) => outcome)).toEqual(['finished', 'finished']);
      expect(await adapters.answers(phone)).toHaveLength(1);
      expect(await adapters.turns(session_id)).toMatchObject([{ status: 'answered', attempts: 2 }]);
    });

    it('one that closes finishes its running turns first, and keeps their leases; what comes meanwhile is for the other', async () => {
      const { name, number } = await adapters.agent({ query: 'delay_ms=2000' });
      const quick = await adapters.agent();
      const closing = await adapters.replica();
      const { session_id } = await textFor(closing, number);
      await eventually(() => expect(adapters.calls(name)).toHaveLength(1));
      const closed = adapters.close(closing);
      const meanwhile = Array.from({ length: 6 }, () => adapters.phone());
      await Promise.all(meanwhile.map((one) => adapters.text(quick.number, one, 'Anybody?')));
      await heartbeatAfter(session_id, Date.now());
      for (const one of meanwhile) expect(await adapters.answered(one)).toEqual(['echo: Anybody?']);
      await closed;
      expect((await adapters.answers(phone)).map(({ body }) => body)).toEqual(['echo: Hello']);
      expect(adapters.calls(name)).toHaveLength(1);
      expect(await adapters.turns(session_id)).toMatchObject([{ status: 'answered', attempts: 1 }]);
    });

    it('one that closes answers the callers of /mcp/chat that wait', async () => {
      const { number } = await adapters.agent({ query: 'delay_ms=300' });
      const closing = await adapters.replica();
      const { session_id } = await adapters.text(number, phone, 'Hi');
      await adapters.answered(phone);
      const { handle } = await adapters.session(session_id);
      const caller = await adapters.chatAs('write', adapters.account, closing);
      const answered = caller.say(handle, 'Hello').then(({ body }) => body.message);
      await eventually(async () => expect(await adapters.session(session_id)).toMatchObject({ last_seq: '2' }));
      await adapters.close(closing);
      expect(await answered).toBe('echo: Hello');
    });

    it('a merged text that rings together with the first one is answered with it', async () => {
      const { number } = await adapters.agent({ query: 'delay_ms=300&idempotent=1', doubleText: 'merge' });
      const { session_id, lease_token } = await adapters.text(number, phone, 'Hello', { rings: false });
      await adapters.text(number, phone, 'and more', { rings: false });
      const turns = other.get(TurnsService);
      await Promise.all([turns.look(session_id, lease_token), turns.look(session_id)]);
      expect(await adapters.answered(phone)).toEqual(['echo: Hello\nand more']);
    });

    it('a merged text reaches the call that another one runs', async () => {
      const { name, number } = await adapters.agent({ query: 'delay_ms=600&idempotent=1', doubleText: 'merge' });
      await textFor(other, number);
      await eventually(() => expect(adapters.calls(name)).toHaveLength(1));
      const { session_id } = await adapters.text(number, phone, 'and more', { rings: false });
      await adapters.app.get(TurnsService).look(session_id);
      expect(await adapters.answered(phone)).toEqual(['echo: Hello\nand more']);
      expect(adapters.calls(name).map(({ outcome }) => outcome)).toEqual(['aborted', 'finished']);
    });
  });
});
