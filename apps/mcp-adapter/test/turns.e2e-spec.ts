import { Controller, Inject, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { answerDue, answerTurn, turnAnswered, type InputOf } from '@darkspere/contracts';
import { eventually, type TestDatabase } from '@darkspere/testing';
import { Handles, RedisStreamsServer } from '@darkspere/transport';
import { bodyOf, serve } from '../src/agents/agents.fixture.js';
import { HealthReports } from '../src/health/health-reports.js';
import { Adapters } from './adapter.harness.js';

interface Envelope {
  type: string;
  session_id: string;
  phone_number: string;
  message: string;
  context: { conversation_history: { role: string; content: string }[]; session_state: Record<string, unknown>; phone_number: string };
  metadata: { turn_id: string; message_ids: string[]; platform: string };
}

/** A chat agent whose answers the test writes; it keeps what it was asked. */
const scriptedAgent = async () => {
  const asked: Envelope[] = [];
  const agent = {
    asked,
    answer: (envelope: Envelope): object => ({ message: `to: ${envelope.message}` }),
    url: '',
    close: () => Promise.resolve(),
  };
  const server = await serve((request, response) => {
    void bodyOf(request).then((body) => {
      // A health probe.
      if (request.method === 'GET') return response.end();
      const envelope = JSON.parse(body) as Envelope;
      asked.push(envelope);
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ type: 'chat.response', session_id: envelope.session_id, ...agent.answer(envelope) }));
    });
  });
  return Object.assign(agent, { url: server.url, close: server.close });
};

describe('a turn', () => {
  let adapters: Adapters;
  let scripted: Awaited<ReturnType<typeof scriptedAgent>>;
  let phone: string;
  beforeAll(async () => {
    [adapters, scripted] = await Promise.all([Adapters.start(), scriptedAgent()]);
  });
  beforeEach(() => {
    phone = adapters.phone();
    scripted.asked.length = 0;
    scripted.answer = (envelope) => ({ message: `to: ${envelope.message}` });
  });
  afterAll(async () => {
    await adapters?.stop();
    await scripted?.close();
  });

  it('that was rung for is claimed, asked and answered, and whoever waits is told', async () => {
    const told = Promise.withResolvers<string[]>();
    const stop = await adapters.broadcasts.subscribe(turnAnswered, ({ messageIds }) => told.resolve(messageIds), 'gw-first');
    const { name, number } = await adapters.agent();
    const { message_id, session_id } = await adapters.text(number, phone, 'Hello', { waiter: 'gw-first' });
    expect(await told.promise).toEqual([message_id]);
    stop();
    expect(await adapters.answers(phone)).toMatchObject([{ body: 'echo: Hello', status: 'handed_out' }]);
    const [turn] = await adapters.turns(session_id);
    expect(turn).toMatchObject({ status: 'answered', attempts: 1 });
    const { handle } = await adapters.session(session_id);
    expect(adapters.calls(name)).toMatchObject([
      {
        session_id: handle,
        message: 'Hello',
        turn_id: turn!.id,
        idempotency_key: turn!.id,
        message_ids: [message_id],
        outcome: 'finished',
      },
    ]);
    const [{ path }] = (await adapters.rows<{ path: { hop: string; by: string }[] }>(
      'select transmission_path as path from messaging.message_history where id = $1',
      [message_id],
    )) as [{ path: { hop: string; by: string }[] }];
    expect(path.map(({ hop }) => hop)).toEqual(['received', 'stored', 'claimed', 'called', 'answered']);
    expect(await adapters.session(session_id)).toMatchObject({
      lease_token: null,
      lease_until: null,
      last_seq: '1',
      done_seq: '1',
      state: { turns: 1 },
    });
  });

  it('whose ring was lost is found by the sweeper', async () => {
    const { number } = await adapters.agent();
    await adapters.text(number, phone, 'Anybody?', { rings: false });
    expect(await adapters.answered(phone)).toEqual(['echo: Anybody?']);
  });

  it('whose webhook is gone wakes the senders', async () => {
    const due = Promise.withResolvers<void>();
    const stop = await adapters.broadcasts.subscribe(answerDue, () => due.resolve());
    const { number } = await adapters.agent();
    await adapters.text(number, phone, 'Hello', { offerMs: -1 });
    await due.promise;
    stop();
    expect(await adapters.answers(phone)).toHaveLength(1);
  });

  it('over MCP is a tool call', async () => {
    const { name, number } = await adapters.agent({ dialect: 'mcp' });
    await adapters.text(number, phone, 'Hello');
    expect(await adapters.answered(phone)).toEqual(['echo: Hello']);
    const [call] = adapters.calls(name);
    expect(call).toMatchObject({ type: 'tools/call', outcome: 'finished' });
    expect(call!.idempotency_key).toBe(call!.turn_id);
  });

  it('of the built-in team is answered with the draft that it stored', async () => {
    @Controller()
    class FakeTeam {
      constructor(@Inject('pool') private readonly pool: TestDatabase['pool']) {}
      @Handles(answerTurn)
      async answer({ turnId }: InputOf<typeof answerTurn>) {
        const { rows } = await this.pool.query<{ context: { message: string } }>('select routing.turn_context($1) as context', [turnId]);
        await this.pool.query('select routing.store_draft($1, $2, $3, null)', [
          turnId,
          `draft for ${rows[0]!.context.message}`,
          { step: 2, gone: null },
        ]);
        return { turnId };
      }
    }
    @Module({ controllers: [FakeTeam], providers: [{ provide: 'pool', useValue: adapters.database.pool }] })
    class FakeTeamModule {}
    const strategy = new RedisStreamsServer({ service: 'engagement-agent', redisUrl: adapters.redisUrl });
    const team = await NestFactory.createMicroservice(FakeTeamModule, { strategy, logger: false });
    await team.listen();
    const { number } = await adapters.agent({ dialect: 'builtin', endpoint: 'builtin:engagement-agent' });
    const { session_id } = await adapters.text(number, phone, 'Prices?');
    expect(await adapters.answered(phone)).toEqual(['draft for Prices?']);
    expect((await adapters.session(session_id)).state).toEqual({ step: 2 });
    await team.close();
  });

  describe('tells the agent', () => {
    const say = async (number: string, body: string) => {
      const before = (await adapters.answers(phone)).length;
      const accepted = await adapters.text(number, phone, body);
      await adapters.answered(phone, before + 1);
      return accepted;
    };

    it('who speaks by a pseudonym, without the phone number anywhere', async () => {
      const { number } = await adapters.agent({ endpoint: scripted.url });
      const { session_id } = await say(number, 'Hello');
      const [envelope] = scripted.asked;
      const [{ id }] = (await adapters.rows<{ id: string }>('select id from messaging.contacts where phone = $1', [phone])) as [
        { id: string },
      ];
      expect(envelope).toMatchObject({
        type: 'chat.request',
        session_id: (await adapters.session(session_id)).handle,
        phone_number: id,
        context: { phone_number: id },
        metadata: { platform: 'sms' },
      });
      expect(JSON.stringify(scripted.asked)).not.toContain(phone.slice(-7));
    });

    it('the real number only with a grant', async () => {
      const { id, number } = await adapters.agent({ endpoint: scripted.url });
      await adapters.rows('update registry.agent_registry set has_phone_grant = true where id = $1', [id]);
      await say(number, 'Hello');
      expect(scripted.asked[0]).toMatchObject({ phone_number: phone });
    });

    it('what was said before, oldest first', async () => {
      const { number } = await adapters.agent({ endpoint: scripted.url });
      for (const body of ['one', 'two', 'three']) await say(number, body);
      expect(scripted.asked.map(({ context }) => context.conversation_history.map(({ role, content }) => `${role}: ${content}`))).toEqual([
        [],
        ['user: one', 'assistant: to: one'],
        ['user: one', 'assistant: to: one', 'user: two', 'assistant: to: two'],
      ]);
    });

    it('the state that its own updates made, merged as RFC 7396 says', async () => {
      const { number } = await adapters.agent({ endpoint: scripted.url });
      const updates: (object | null | undefined)[] = [
        { name: 'Ann', cart: { a: 1, b: 2 }, tags: [1, 2] },
        { name: null, cart: { b: null, c: { d: null } }, tags: [3] },
        undefined,
        null,
        { cart: null },
      ];
      for (const update of updates) {
        scripted.answer = () => ({ message: 'ok', ...(update !== undefined && { context_update: { session_state: update } }) });
        await say(number, 'go on');
      }
      const { session_id } = await say(number, 'last');
      const after = [
        {},
        { name: 'Ann', cart: { a: 1, b: 2 }, tags: [1, 2] },
        { cart: { a: 1, c: {} }, tags: [3] },
        { cart: { a: 1, c: {} }, tags: [3] },
        { cart: { a: 1, c: {} }, tags: [3] },
        { tags: [3] },
      ];
      expect(scripted.asked.map(({ context }) => context.session_state)).toEqual(after);
      expect((await adapters.session(session_id)).state).toEqual({ tags: [3] });
    });

    it('which media came when there was no text', async () => {
      const { number } = await adapters.agent({ endpoint: scripted.url });
      await adapters.text(number, phone, '', {
        media: [{ url: 'https://m.example.com/1.png', contentType: 'image/png' }, { url: 'https://m.example.com/2' }],
      });
      await adapters.answered(phone);
      expect(scripted.asked[0]!.message).toBe('[image/png] https://m.example.com/1.png\n[media] https://m.example.com/2');
    });
  });

  it('with a long answer stores its parts in order, and the answer as a whole is one', async () => {
    const { number } = await adapters.agent({ endpoint: scripted.url });
    const words = Array.from({ length: 600 }, (_, i) => `word${i}`).join(' ');
    scripted.answer = () => ({ message: words });
    await adapters.text(number, phone, 'Tell me');
    const parts = await eventually(async () => {
      const stored = await adapters.answers(phone);
      expect(stored.length).toBeGreaterThan(2);
      return stored.map(({ body }) => body);
    });
    expect(parts.join(' ')).toBe(words);
  });

  it('counts how long its agent took, without a word to the agent’s row meanwhile', async () => {
    const { id, number } = await adapters.agent({ query: 'delay_ms=60' });
    await adapters.text(number, phone, 'Hello');
    await adapters.answered(phone);
    const average = async () =>
      (await adapters.rows<{ ms: number }>('select avg_response_time_ms as ms from registry.agent_registry where id = $1', [id]))[0]!.ms;
    await adapters.app.get(HealthReports).flush();
    expect(await average()).toBeGreaterThanOrEqual(55);
  });

  describe('while which further texts come', () => {
    it('coalesce: they are answered together in the next one', async () => {
      const { name, number } = await adapters.agent({ query: 'delay_ms=250' });
      await adapters.text(number, phone, 'one');
      await eventually(() => expect(adapters.calls(name)).toHaveLength(1));
      await adapters.text(number, phone, 'two');
      await adapters.text(number, phone, 'three');
      expect(await adapters.answered(phone, 2)).toEqual(['echo: one', 'echo: two\nthree']);
      expect(adapters.calls(name).map(({ message, message_ids }) => [message, message_ids.length])).toEqual([
        ['one', 1],
        ['two\nthree', 2],
      ]);
    });

    it('enqueue: they are answered one by one, in order', async () => {
      const { name, number } = await adapters.agent({ query: 'delay_ms=50', doubleText: 'enqueue' });
      for (const body of ['one', 'two', 'three', 'four']) await adapters.text(number, phone, body);
      expect(await adapters.answered(phone, 4)).toEqual(['echo: one', 'echo: two', 'echo: three', 'echo: four']);
      expect(adapters.calls(name)).toHaveLength(4);
    });

    it('merge: the running call is cancelled and one with all texts is asked, one answer', async () => {
      const { name, number } = await adapters.agent({ query: 'delay_ms=300&idempotent=1', doubleText: 'merge' });
      const { session_id } = await adapters.text(number, phone, 'one');
      await eventually(() => expect(adapters.calls(name)).toHaveLength(1));
      await adapters.text(number, phone, 'two');
      await eventually(() => expect(adapters.calls(name)).toHaveLength(2));
      await adapters.text(number, phone, 'three');
      expect(await adapters.answered(phone)).toEqual(['echo: one\ntwo\nthree']);
      await eventually(() => expect(adapters.calls(name).map(({ outcome }) => outcome)).toEqual(['aborted', 'aborted', 'finished']));
      expect((await adapters.turns(session_id)).map(({ status }) => status)).toEqual(['superseded', 'superseded', 'answered']);
    });

    it('merge: a turn that runs for two seconds already is left alone', async () => {
      const { name, number } = await adapters.agent({ query: 'delay_ms=600&idempotent=1', doubleText: 'merge' });
      const { session_id } = await adapters.text(number, phone, 'one');
      await eventually(() => expect(adapters.calls(name)).toHaveLength(1));
      await adapters.rows(`update routing.turns set started_at = started_at - interval '3 seconds' where session_id = $1`, [session_id]);
      await adapters.text(number, phone, 'two');
      expect(await adapters.answered(phone, 2)).toEqual(['echo: one', 'echo: two']);
      expect(adapters.calls(name).map(({ outcome }) => outcome)).toEqual(['finished', 'finished']);
    });

    it('STOP: its answer is kept and never leaves, and the session goes on after START', async () => {
      const { name, number } = await adapters.agent({ query: 'delay_ms=200' });
      const { session_id } = await adapters.text(number, phone, 'one');
      await eventually(() => expect(adapters.calls(name)).toHaveLength(1));
      await adapters.text(number, phone, 'STOP', { intent: 'opt_out' });
      expect(
        await eventually(async () => {
          const stored = await adapters.answers(phone);
          expect(stored).toHaveLength(1);
          return stored;
        }),
      ).toMatchObject([{ body: 'echo: one', status: 'fenced' }]);
      expect((await adapters.turns(session_id)).map(({ status }) => status)).toEqual(['fenced']);
      expect(await adapters.rows(`select 1 from messaging.outbox where session_id = $1`, [session_id])).toEqual([]);
      await adapters.text(number, phone, 'START', { intent: 'opt_in' });
      await adapters.text(number, phone, 'again');
      expect(await adapters.answered(phone, 2)).toEqual(['echo: one', 'echo: again']);
    });
  });

  describe('without an agent', () => {
    it('waits, raises an alert, and is answered when there is one', async () => {
      const { id, number } = await adapters.agent({ account: adapters.account, pool: 'alone' });
      await adapters.rows(`update registry.agent_registry set status = 'offline' where id = $1`, [id]);
      const { session_id } = await adapters.text(number, phone, 'Hello?');
      await eventually(async () =>
        expect(await adapters.rows(`select 1 from analytics.system_alerts where kind = 'no_agent'`)).toHaveLength(1),
      );
      expect(await adapters.answers(phone)).toEqual([]);
      await adapters.rows(`update registry.agent_registry set status = 'active' where id = $1`, [id]);
      expect(await adapters.answered(phone)).toEqual(['echo: Hello?']);
      expect((await adapters.turns(session_id)).map(({ status }) => status)).toEqual(['answered']);
    });

    it('is closed with an apology at its deadline', async () => {
      const { id, number } = await adapters.agent({ pool: 'alone too' });
      await adapters.rows(`update registry.agent_registry set status = 'offline' where id = $1`, [id]);
      const { session_id } = await adapters.text(number, phone, 'Hello?', { ageMs: 29_500 });
      expect(await adapters.answered(phone)).toEqual([expect.stringContaining('Sorry')]);
      expect(await adapters.turns(session_id)).toMatchObject([{ status: 'apologised', failure: { closed_by: 'turn_deadline' } }]);
    });
  });
});
