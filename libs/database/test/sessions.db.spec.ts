import { Engine, type Phone } from './engine.fixture.js';

const DAY = 24 * 3_600_000;

describe('sessions and their agents', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await Engine.start();
  });
  afterAll(() => engine?.stop());

  const move = (sessions: string[], to: string | null): Promise<string[]> =>
    engine.sql.values('routing.move_sessions', [sessions, to, engine.now]);
  const endIdle = (): Promise<number> => engine.sql.value('routing.end_idle_sessions', [engine.now, 1_000]);
  const agentOf = async (phone: Phone): Promise<unknown> => (await engine.session(phone.session)).agent_id;
  const live = (agent: string): Promise<number> =>
    engine.cell('select count(*)::int from routing.agent_sessions where agent_id = $1 and ended_at is null', [agent]);
  /** An account of its own, so that its agents have no rivals. */
  const account = (): Promise<string> => engine.cell(`insert into security.accounts (name) values ('a') returning id`);

  describe('moved to another agent', () => {
    it('the running call is void, and its texts are asked again there with the same idempotency key', async () => {
      const phone = await engine.phone();
      await phone.text();
      const turn = await phone.claimed();
      const other = await engine.agent();
      expect(await move([phone.session], other)).toEqual([phone.session]);
      expect(await engine.complete(turn)).toMatchObject({ outcome: 'void' });
      const again = await phone.claimed();
      expect(again).toMatchObject({ turn_id: turn.turn_id, agent_id: other, texts: turn.texts });
      expect(await engine.complete(again)).toMatchObject({ outcome: 'answered' });
      expect(await engine.outbound(phone.from)).toHaveLength(1);
    });

    it('the epoch stays: answers that are stored already still leave', async () => {
      const phone = await engine.phone();
      const { text } = await phone.answered();
      await move([phone.session], await engine.agent());
      expect(await engine.session(phone.session)).toMatchObject({ epoch: 0 });
      expect(await engine.take(text)).toMatchObject({ state: 'send' });
    });

    it('the handle, the state and the numbers of the texts stay', async () => {
      const phone = await engine.phone();
      await phone.text();
      const { handle } = await engine.session(phone.session);
      await move([phone.session], await engine.agent());
      await phone.text();
      expect(await engine.session(phone.session)).toMatchObject({ handle, last_seq: '2' });
    });

    it('waiting texts need no longer wait for a pause or a quiet window', async () => {
      const phone = await engine.phone();
      await phone.text();
      await engine.fail(await phone.claimed(), 20_000);
      await move([phone.session], await engine.agent());
      expect(await phone.claim()).toMatchObject({ outcome: 'claimed' });
    });

    it('many at once; those without work need no ring, ended ones stay where they were', async () => {
      const [from, to] = [await engine.agent(), await engine.agent()];
      const number = await engine.number(from);
      const [waits, idle, ended] = [engine.phoneTo(number), engine.phoneTo(number), engine.phoneTo(number)];
      await ended.answered();
      engine.pass(DAY + 1);
      await endIdle();
      await waits.text();
      await idle.answered();
      expect(await move([waits.session, idle.session, ended.session], to)).toEqual([waits.session]);
      expect(await Promise.all([waits, idle, ended].map(agentOf))).toEqual([to, to, from]);
    });
  });

  describe('their end', () => {
    it('24 h after the last text a session ends and frees its place; the next text opens a new one with a new handle', async () => {
      const agent = await engine.agent();
      const phone = engine.phoneTo(await engine.number(agent));
      await phone.answered();
      const old = await engine.session(phone.session);
      engine.pass(DAY);
      await endIdle();
      expect(await live(agent)).toBe(1);
      engine.pass(1);
      await endIdle();
      expect(await live(agent)).toBe(0);
      const { session_id, ring } = await phone.text();
      expect(ring).toBe(true);
      const fresh = await engine.session(session_id!);
      expect([fresh.id === old.id, fresh.handle === old.handle]).toEqual([false, false]);
      expect(fresh).toMatchObject({ last_seq: '1', epoch: 0 });
      expect(await phone.claimed()).toMatchObject({ history: [] });
    });

    it('a text after a day opens a new session even if nobody swept', async () => {
      const phone = await engine.phone();
      await phone.answered();
      const old = phone.session;
      engine.pass(DAY + 1);
      const accepted = await engine.accept([phone.form(), phone.form()]);
      expect(accepted[0]!.session_id).not.toBe(old);
      expect(accepted[1]!.session_id).toBe(accepted[0]!.session_id);
      expect((await engine.session(old)).ended_at).not.toBeNull();
      expect(await engine.session(accepted[0]!.session_id!)).toMatchObject({ last_seq: '2', ended_at: null });
    });

    it('a session with an unanswered text does not end', async () => {
      const phone = await engine.phone();
      await phone.text();
      engine.pass(DAY + 1);
      await endIdle();
      expect((await engine.session(phone.session)).ended_at).toBeNull();
    });

    it('an answer that had not left by then never leaves', async () => {
      const phone = await engine.phone();
      const { text, answer } = await phone.answered();
      engine.pass(DAY + 1);
      await endIdle();
      expect(await engine.take(text)).toMatchObject({ state: 'empty' });
      expect(await engine.message(answer)).toMatchObject({ status: 'fenced' });
    });

    it('a number that is given back ends its sessions and closes their texts', async () => {
      const phone = await engine.phone();
      const { message_id } = await phone.text();
      expect(await engine.sql.value('messaging.release_number', [engine.account, phone.to, engine.now])).toBe(true);
      expect(await engine.message(message_id)).toMatchObject({ status: 'closed' });
      expect((await engine.session(phone.session)).ended_at).not.toBeNull();
      expect(await engine.sql.value('messaging.release_number', [engine.account, phone.to, engine.now])).toBe(false);
    });
  });

  describe('owned by a person', () => {
    it('texts are stored and not run, also several of one batch', async () => {
      const phone = await engine.phone();
      await phone.answered();
      await engine.rows(`update routing.agent_sessions set owner = 'person' where id = $1`, [phone.session]);
      const accepted = await engine.accept([phone.form(), phone.form()]);
      expect(accepted).toMatchObject(Array(2).fill({ outcome: 'accepted', session_id: phone.session, ring: false, is_decided: true }));
      for (const { message_id } of accepted)
        expect(await engine.message(message_id!)).toMatchObject({ status: 'held', session_id: phone.session });
      expect(await phone.claim()).toMatchObject({ outcome: 'nothing' });
      engine.pass(DAY + 1);
      await endIdle();
      expect((await engine.session(phone.session)).ended_at).toBeNull();
    });
  });

  describe('numbers', () => {
    const bind = (number: string, agent: string | null, owner = engine.account): Promise<string> =>
      engine.sql.value('messaging.bind_number', [owner, number, agent, engine.now]);

    it('a bound number uses its agent although others are better, and fails over only within its pool', async () => {
      const own = await account();
      const [bound, same] = [
        await engine.agent({ account_id: own, pool: 'p', health_score: 50 }),
        await engine.agent({ account_id: own, pool: 'p', health_score: 60 }),
      ];
      const stranger = await engine.agent({ account_id: own, pool: 'q', health_score: 100 });
      const number = await engine.number(bound, own);
      const first = engine.phoneTo(number);
      const opened = async (phone: Phone): Promise<unknown> => {
        const [{ session_id }] = (await engine.accept([phone.form({ account_id: own })])) as unknown as [{ session_id: string }];
        return (await engine.session(session_id)).agent_id;
      };
      expect(await opened(first)).toBe(bound);
      await engine.rows(`update registry.agent_registry set status = 'offline' where id = $1`, [bound]);
      expect(await opened(engine.phoneTo(number))).toBe(same);
      await engine.rows(`update registry.agent_registry set status = 'offline' where id = $1`, [same]);
      expect(await opened(engine.phoneTo(number))).toBeNull();
      expect(await live(stranger)).toBe(0);
    });

    it('an unbound number takes the healthiest agent, then the emptiest, then the fastest; the built-in team last, a full one never', async () => {
      const own = await account();
      const pick = (): Promise<string | null> => engine.sql.value('registry.pick_agent', [own, null]);
      const builtin = await engine.agent({ account_id: own, dialect: 'builtin', health_score: 100 });
      expect(await pick()).toBe(builtin);
      const weak = await engine.agent({ account_id: own, health_score: 70 });
      expect(await pick()).toBe(weak);
      const slow = await engine.agent({ account_id: own, health_score: 90, avg_response_time_ms: 900, max_concurrent_sessions: 2 });
      const quick = await engine.agent({ account_id: own, health_score: 90, avg_response_time_ms: 100, max_concurrent_sessions: 2 });
      expect(await pick()).toBe(quick);
      const number = await engine.number(null, own);
      const agents = [];
      for (let i = 0; i < 5; i += 1) {
        const [{ session_id }] = (await engine.accept([engine.phoneTo(number).form({ account_id: own })])) as unknown as [
          { session_id: string },
        ];
        agents.push((await engine.session(session_id)).agent_id);
      }
      expect(agents).toEqual([quick, slow, quick, slow, weak]);
      for (const status of ['pending', 'offline', 'draining', 'retired']) {
        await engine.rows('update registry.agent_registry set status = $2 where id = $1', [weak, status]);
        expect(await pick()).toBe(builtin);
      }
    });

    it('a number that is bound anew moves its live sessions; an unbound one keeps them', async () => {
      const [one, two] = [await engine.agent(), await engine.agent()];
      const number = await engine.number(one);
      const phone = engine.phoneTo(number);
      await phone.text();
      const turn = await phone.claimed();
      expect(await bind(number, two)).toBe('ok');
      expect(await engine.complete(turn)).toMatchObject({ outcome: 'void' });
      expect(await agentOf(phone)).toBe(two);
      expect(await bind(number, null)).toBe('ok');
      expect(await agentOf(phone)).toBe(two);
    });

    it('a number of somebody else cannot be taken, and an agent of somebody else cannot be bound', async () => {
      const own = await account();
      const number = await engine.number(null);
      expect(await bind(number, null, own)).toBe('number_taken');
      expect(await bind(number, await engine.agent({ account_id: own }))).toBe('agent_not_found');
      expect(await bind(number, await engine.agent({ status: 'retired' }))).toBe('agent_not_found');
      expect(await engine.sql.value('messaging.release_number', [own, number, engine.now])).toBe(false);
    });

    it('a number that was given back can be taken by another account', async () => {
      const own = await account();
      const number = await engine.number(null);
      await engine.sql.value('messaging.release_number', [engine.account, number, engine.now]);
      expect(await bind(number, null, own)).toBe('ok');
      expect((await engine.accept([engine.phoneTo(number).form()]))[0]!.outcome).toBe('number_not_found');
    });

    it('two accounts that want one number at the same time: one gets it', async () => {
      const own = await account();
      for (let i = 0; i < 10; i += 1) {
        const number = `+1666000000${i}`;
        expect((await Promise.all([bind(number, null), bind(number, null, own)])).sort()).toEqual(['number_taken', 'ok']);
      }
    });
  });
});
