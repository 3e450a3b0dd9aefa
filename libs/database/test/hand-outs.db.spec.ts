import { Engine, STOP, type Phone, type TextFields } from './engine.fixture.js';
import type { Message, Sends } from './engine.types.js';

/** When the offer of the fixture's texts ends. */
const OFFER_MS = 3_500;
const WAITS: TextFields = { waiter: 'gw-1' };

describe('answers that are handed out when their turns end', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await Engine.start();
  });
  beforeEach(() => engine.clear());
  afterAll(() => engine?.stop());

  const answered = async (phone: Phone, fields: TextFields = WAITS, ...answers: string[]): Promise<{ text: string; answer: Message }> => {
    const { message_id: text } = await phone.text(fields);
    await engine.complete(await phone.claimed(), ...answers);
    return { text, answer: await engine.message((await engine.message(text)).answer_id!) };
  };
  const decisions = (id: string): Promise<{ id: string; verdict: string; rule: string }[]> =>
    engine.rows('select id, verdict, rule from messaging.send_decisions where message_id = $1 order by id', [id]);
  const unsettled = async (): Promise<string[]> =>
    (await engine.sql.value<Sends['sends']>('messaging.claim_unsettled', [100, '15 seconds', engine.now])).map(
      ({ message_id }) => message_id,
    );
  const written = (...ids: string[]): Promise<unknown> => engine.sql.value('messaging.mark_written', [ids]);

  it('an answer whose webhook waits is decided, handed out and billed as it is stored; its webhook only reads', async () => {
    const { text, answer } = await answered(await engine.phone(), WAITS, 'hi');
    expect(answer).toMatchObject({ status: 'handed_out', handed_via: 'twiml', transmission_path: [{ hop: 'handed_out', via: 'twiml' }] });
    const [decision, ...more] = await decisions(answer.id);
    expect(decision).toMatchObject({ id: answer.decision_id, verdict: 'allow', rule: 'none' });
    expect(more).toEqual([]);
    expect(await engine.rows('select kind, quantity from billing.usage_ledger where source_id = $1', [answer.id])).toEqual([
      { kind: 'outbound_segment', quantity: '1' },
    ]);
    const rows = (): Promise<object[]> => engine.rows('select xmin, xmax, * from messaging.outbox where message_id = $1', [answer.id]);
    const before = await rows();
    expect(before).toMatchObject([{ state: 'twiml', attempts: 1, handed_at: engine.now, is_written: false }]);
    for (let look = 0; look < 2; look += 1) {
      expect(await engine.take(text)).toEqual({ state: 'send', answer_id: answer.id, body: 'hi' });
    }
    expect([await rows(), await decisions(answer.id)]).toEqual([before, [decision]]);
  });

  it('of a long answer only the first part is', async () => {
    const phone = await engine.phone();
    const { text } = await answered(phone, WAITS, 'one', 'two');
    expect((await engine.outbound(phone.from)).map(({ status }) => status)).toEqual(['handed_out', 'pending']);
    expect(await engine.take(text)).toMatchObject({ state: 'send', body: 'one' });
  });

  it.each<[string, TextFields, number]>([
    ['nobody waits', {}, 0],
    ['the offer has ended', WAITS, OFFER_MS],
  ])('not when %s: it is the sender’s', async (_, fields, ms) => {
    const phone = await engine.phone();
    await phone.text(fields);
    const turn = await phone.claimed();
    engine.pass(ms);
    await engine.complete(turn);
    expect(await engine.outbound(phone.from)).toMatchObject([{ status: 'pending', handed_via: null, decision_id: null }]);
  });

  it('not while an earlier answer of the session has not left; it may go when the next text brings the mark that it was written', async () => {
    const phone = await engine.phone();
    const first = await answered(phone);
    const second = await answered(phone);
    expect(second.answer).toMatchObject({ status: 'pending' });
    expect(await engine.take(second.text)).toEqual({ state: 'blocked' });
    const other = await engine.phone();
    await engine.sql.values('messaging.accept_inbound', [JSON.stringify([other.form()]), engine.now, [first.answer.id]]);
    expect(await engine.take(second.text)).toMatchObject({ state: 'send' });
    const third = await answered(phone);
    expect(third.answer).toMatchObject({ status: 'pending' });
    await written(second.answer.id, third.answer.id);
    expect((await answered(phone)).answer).toMatchObject({ status: 'pending' });
  });

  it('not what a rule of the gate forbids: its webhook gets nothing, and the rule is named', async () => {
    const { text, answer } = await answered(await engine.phone(), WAITS, 'see bit.ly/x');
    expect(answer).toMatchObject({ status: 'pending', decision_id: null });
    expect(await engine.take(text)).toMatchObject({ state: 'empty', alert: { kind: 'send_refused' } });
    expect(await decisions(answer.id)).toMatchObject([{ verdict: 'refuse', rule: 'content:public_link_shortener' }]);
  });

  it('not what a STOP during the turn has fenced', async () => {
    const phone = await engine.phone();
    const { message_id } = await phone.text(WAITS);
    const turn = await phone.claimed();
    await phone.text(STOP);
    expect(await engine.complete(turn)).toMatchObject({ outcome: 'fenced' });
    expect((await engine.outbound(phone.from)).map(({ status }) => status)).toEqual(['pending', 'fenced']);
    expect(await engine.take(message_id)).toEqual({ state: 'empty' });
  });

  it('a STOP between the hand-out and its reading: the webhook gets nothing, and after a look-up the gate fences it', async () => {
    const phone = await engine.phone();
    const { text, answer } = await answered(phone);
    await phone.text(STOP);
    expect(await engine.take(text)).toEqual({ state: 'empty' });
    engine.pass(OFFER_MS + 5_000);
    expect(await unsettled()).toContain(answer.id);
    await engine.sql.value('messaging.requeue', [answer.id, engine.now]);
    expect((await engine.due()).sends.map(({ message_id }) => message_id)).not.toContain(answer.id);
    expect(await engine.message(answer.id)).toMatchObject({ status: 'fenced' });
  });

  it('not to a webhook that has given up, though the turn’s end began a moment earlier', async () => {
    const phone = await engine.phone();
    const { message_id } = await phone.text(WAITS);
    const turn = await phone.claimed();
    engine.pass(3);
    expect(await engine.take(message_id, true)).toEqual({ state: 'empty' });
    engine.pass(-3);
    expect(await engine.complete(turn)).toMatchObject({ is_due: true });
    expect(await engine.outbound(phone.from)).toMatchObject([{ status: 'pending' }]);
  });

  it('giving up while the answer is handed out: it is read at the next look, or it is the sender’s', async () => {
    for (let round = 0; round < 40; round += 1) {
      const phone = await engine.phone();
      const { message_id } = await phone.text(WAITS);
      const turn = await phone.claimed();
      const [taken] = await Promise.all([engine.take(message_id, true), engine.complete(turn)]);
      const { state } = taken!.state === 'undecided' ? await engine.take(message_id, true) : taken!;
      const [answer] = await engine.outbound(phone.from);
      expect([state, answer!.status]).toEqual(state === 'send' ? ['send', 'handed_out'] : ['empty', 'pending']);
    }
  });

  it('an apology is handed out too', async () => {
    const phone = await engine.phone();
    const { message_id } = await phone.text(WAITS);
    await engine.fail(await phone.claimed(), null);
    expect(await engine.take(message_id)).toMatchObject({ state: 'send' });
    expect(await engine.outbound(phone.from)).toMatchObject([{ status: 'handed_out', handed_via: 'twiml' }]);
  });

  it('its gateway died: it is looked up 5 s after its offer has ended, and not read any more', async () => {
    const { text, answer } = await answered(await engine.phone());
    engine.pass(OFFER_MS - 1);
    expect(await engine.take(text)).toMatchObject({ state: 'send' });
    engine.pass(5_000);
    expect(await unsettled()).toEqual([]);
    engine.pass(1);
    expect(await unsettled()).toEqual([answer.id]);
    await engine.sql.value('messaging.requeue', [answer.id, engine.now]);
    expect((await engine.due()).sends.map(({ message_id }) => message_id)).toEqual([answer.id]);
    expect(await engine.take(text)).toEqual({ state: 'empty' });
  });

  it('a TwiML that was written is looked up after 15 s only', async () => {
    const { answer } = await answered(await engine.phone());
    await written(answer.id);
    engine.pass(14_999);
    expect(await unsettled()).toEqual([]);
    engine.pass(1);
    expect(await unsettled()).toEqual([answer.id]);
  });
});

describe('turns that are leased with their texts', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await Engine.start();
  });
  afterAll(() => engine?.stop());

  it('a text alone in its mailbox: whoever answers its ring reads what the turn needs, and the sweeper leaves it alone', async () => {
    const phone = await engine.phone();
    const { message_id, ring, lease_token } = await phone.text('hello');
    expect([ring, lease_token]).toEqual([true, expect.any(String)]);
    expect(await engine.claim(phone.session)).toMatchObject({ outcome: 'running' });
    const turn = await phone.claimed();
    expect(turn).toMatchObject({
      lease_token, attempt: 1, superseded: null, texts: [{ id: message_id, body: 'hello' }], history: [],
      deadline: expect.stringContaining(engine.after(30_000).toISOString().slice(0, 19)) as string,
    }); // prettier-ignore
    engine.pass(2_999);
    expect(await engine.sql.values('routing.sweep', [engine.now, 1_000])).not.toContain(phone.session);
    expect(await engine.complete(turn)).toMatchObject({ outcome: 'answered' });
  });

  it('its ring was lost: the sweeper finds it after 3 s, as the second attempt of the same turn', async () => {
    const phone = await engine.phone();
    const { message_id } = await phone.text();
    const { turn_id } = await engine.session(phone.session);
    engine.pass(3_000);
    expect(await engine.sql.values('routing.sweep', [engine.now, 1_000])).toContain(phone.session);
    expect(await engine.claim(phone.session)).toMatchObject({ outcome: 'claimed', turn_id, attempt: 2, texts: [{ id: message_id }] });
  });

  it('a lease that nobody could be told of is released: the sweeper finds it after 1 s, and the attempt does not count', async () => {
    const phone = await engine.phone();
    const { lease_token } = await phone.text();
    const { turn_id } = await engine.session(phone.session);
    await engine.sql.value('routing.release_leases', [
      [phone.session, phone.session],
      [lease_token, turn_id],
    ]);
    engine.pass(1_000);
    expect(await engine.sql.values('routing.sweep', [engine.now, 1_000])).toContain(phone.session);
    expect(await phone.claim()).toMatchObject({ outcome: 'claimed', turn_id, attempt: 1 });
  });

  it('its ring comes late: the lease is void, and the turn is claimed anew', async () => {
    const phone = await engine.phone();
    const { lease_token } = await phone.text();
    engine.pass(3_000);
    const turn = await phone.claimed();
    expect(turn.attempt).toBe(2);
    expect(turn.lease_token).not.toBe(lease_token);
  });

  it('its session moved to another agent: the ring gets a turn with that one', async () => {
    const phone = await engine.phone();
    await phone.text();
    const other = await engine.agent();
    await engine.sql.values('routing.move_sessions', [[phone.session], other, engine.now]);
    expect(await phone.claimed()).toMatchObject({ agent_id: other });
  });

  it('STOP before anybody answered the ring: no agent is asked, and the next text is leased at once', async () => {
    const phone = await engine.phone();
    await phone.text();
    const { turn_id } = await engine.session(phone.session);
    await phone.text(STOP);
    expect(await phone.claim()).toMatchObject({ outcome: 'nothing' });
    expect(await engine.cell('select status from routing.turns where id = $1', [turn_id])).toBe('fenced');
    await phone.text({ body: 'START', intent: 'opt_in', intent_source: 'keyword' });
    expect(await phone.text()).toMatchObject({ ring: true, lease_token: expect.any(String) as string });
  });

  it('a STOP commits while a text waits for a session whose turn runs: the running turn keeps its lease', async () => {
    const phone = await engine.phone();
    await phone.text();
    const turn = await phone.claimed();
    const stop = await engine.holding('select messaging.accept_inbound($1, $2)', [JSON.stringify([phone.form(STOP)]), engine.now]);
    const late = phone.text();
    await engine.waitingForLocks();
    await stop.commit();
    expect(await late).toMatchObject({ ring: false, lease_token: null, is_decided: true });
    expect(await engine.complete(turn)).toMatchObject({ outcome: 'fenced' });
  });

  it('not two texts at once, nor a text during a turn, in a quiet window, before a retry, or without an agent that is well', async () => {
    const phone = await engine.phone();
    const leases = async (): Promise<(string | null | undefined)[]> => [(await phone.text()).lease_token];
    expect((await phone.texts('a', 'b')).map(({ ring, lease_token }) => [ring, lease_token])).toEqual([
      [true, null],
      [false, null],
    ]);
    const turn = await phone.claimed();
    expect(await leases()).toEqual([null]);
    await engine.complete(turn);
    expect(await leases()).toEqual([null]);
    engine.pass(2_000);
    const next = await phone.claimed();
    await engine.fail(next, 1_000);
    expect(await leases()).toEqual([null]);
    engine.pass(1_000);
    await engine.complete(await phone.claimed());
    engine.pass(2_000);
    await engine.complete(await phone.claimed());
    await engine.rows(`update registry.agent_registry set status = 'offline' where id = $1`, [turn.agent_id]);
    expect(await phone.text()).toMatchObject({ ring: true, lease_token: null });
  });

  it('two gateways that get a text of one phone each at the same moment lease one turn', async () => {
    const phone = await engine.phone();
    await phone.answered();
    const texts = await Promise.all(Array.from({ length: 6 }, () => phone.text()));
    expect(texts.filter(({ lease_token }) => lease_token)).toHaveLength(1);
    expect((await phone.claimed()).texts).toHaveLength(1);
  });
});
