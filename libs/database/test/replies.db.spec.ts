import { Engine, type Phone } from './engine.fixture.js';

describe('how answers leave: webhook or sender, once and in order', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await Engine.start();
  });
  beforeEach(() => engine.clear());
  afterAll(() => engine?.stop());

  const sendsTo = async (phone: Phone): Promise<string[]> =>
    (await engine.due()).sends.filter(({ to }) => to === phone.from).map(({ body }) => body);
  const outboxOf = (id: string): Promise<{ state: string; due_at: Date; attempts: number }[]> =>
    engine.rows('select state, due_at, attempts from messaging.outbox where message_id = $1', [id]);
  const written = (...ids: string[]): Promise<unknown> => engine.sql.value('messaging.mark_written', [ids]);
  /** Two turns, both answered, nothing handed out. */
  const twoAnswers = async (): Promise<{
    phone: Phone;
    first: { text: string; answer: string };
    second: { text: string; answer: string };
  }> => {
    const phone = await engine.phone();
    return { phone, first: await phone.answered('1', 'one'), second: await phone.answered('2', 'two') };
  };

  it('an answer in time is its webhook’s, and the sender never gets it', async () => {
    const phone = await engine.phone();
    const { message_id } = await phone.text();
    expect(await engine.take(message_id)).toEqual({ state: 'undecided' });
    await engine.complete(await phone.claimed(), 'hi');
    expect(await engine.take(message_id)).toMatchObject({ state: 'send', body: 'hi' });
    engine.pass(60_000);
    expect(await sendsTo(phone)).toEqual([]);
  });

  it('an answer whose webhook was not served is due by REST when its offer ends, and the webhook gets nothing any more', async () => {
    const phone = await engine.phone();
    const { text } = await phone.answered();
    expect(await sendsTo(phone)).toEqual([]);
    engine.pass(3_500);
    expect(await sendsTo(phone)).toEqual(['re: hello']);
    expect(await engine.take(text)).toEqual({ state: 'empty' });
    expect(await sendsTo(phone)).toEqual([]);
  });

  it('a webhook that gives up before the answer makes it due at once', async () => {
    const phone = await engine.phone();
    const { message_id } = await phone.text();
    const turn = await phone.claimed();
    engine.pass(2_500);
    expect(await engine.take(message_id, true)).toEqual({ state: 'empty' });
    expect(await engine.complete(turn)).toMatchObject({ is_due: true });
    expect(await sendsTo(phone)).toEqual(['answer']);
  });

  it('a webhook that gives up when the answer is there takes it', async () => {
    const phone = await engine.phone();
    const { text } = await phone.answered();
    expect(await engine.take(text, true)).toMatchObject({ state: 'send' });
  });

  it('giving up while the answer is being stored: it leaves by exactly one way, and by REST at the latest when its offer ends', async () => {
    for (let round = 0; round < 40; round += 1) {
      const phone = await engine.phone();
      const { message_id } = await phone.text();
      const turn = await phone.claimed();
      const [taken] = await Promise.all([engine.take(message_id, true), engine.complete(turn, 'x')]);
      engine.pass(3_500);
      expect([taken!.state, ...(await sendsTo(phone))]).toEqual(taken!.state === 'send' ? ['send'] : [taken!.state, 'x']);
    }
  });

  it('an answer belongs to the newest text that it covers; the other webhooks get nothing', async () => {
    const phone = await engine.phone();
    const [older, newer] = await phone.texts({ waiter: 'gw-1' }, { waiter: 'gw-2' });
    const end = await engine.complete(await phone.claimed());
    expect(new Set(end.waiters)).toEqual(
      new Set([
        { waiter: 'gw-1', message_id: older!.message_id },
        { waiter: 'gw-2', message_id: newer!.message_id },
      ]),
    );
    expect(await engine.take(older!.message_id)).toEqual({ state: 'empty' });
    expect(await engine.take(newer!.message_id)).toMatchObject({ state: 'send' });
  });

  it('a repeated MessageSid gets what the first got, before and after its receipt, and counts as one send', async () => {
    const phone = await engine.phone();
    const { text, answer } = await phone.answered();
    const first = await engine.take(text);
    expect(await engine.take(text)).toEqual(first);
    expect(await outboxOf(answer)).toMatchObject([{ state: 'twiml', attempts: 1 }]);
    await engine.receipt(answer, 'SM-out', 'sent');
    expect(await engine.take(text)).toEqual(first);
    expect(await engine.rows('select quantity from billing.usage_ledger where source_id = $1', [answer])).toEqual([{ quantity: '1' }]);
  });

  it('a repeated MessageSid whose answer left by REST gets nothing, before and after its receipt', async () => {
    const phone = await engine.phone();
    const { text, answer } = await phone.answered();
    engine.pass(3_500);
    expect(await sendsTo(phone)).toHaveLength(1);
    expect(await engine.take(text)).toEqual({ state: 'empty' });
    await engine.receipt(answer, 'SM-out', 'queued');
    expect(await engine.take(text)).toEqual({ state: 'empty' });
  });

  it('a repeated MessageSid gets nothing after STOP, even if START came since', async () => {
    const phone = await engine.phone();
    const { text, answer } = await phone.answered();
    await engine.take(text);
    await phone.text({ body: 'STOP', intent: 'opt_out', intent_source: 'keyword' });
    expect(await engine.take(text)).toEqual({ state: 'empty' });
    await engine.receipt(answer, 'SM-out', 'sent');
    expect(await engine.take(text)).toEqual({ state: 'empty' });
    await phone.text({ body: 'START', intent: 'opt_in', intent_source: 'keyword' });
    expect(await engine.take(text)).toEqual({ state: 'empty' });
  });

  it('two webhooks of one batch for the same MessageSid get the same', async () => {
    const phone = await engine.phone();
    const { text } = await phone.answered();
    const [one, other] = await engine.sql.values<object>('messaging.take_reply', [[text, text], [false, true], engine.now]);
    expect(one).toMatchObject({ state: 'send' });
    expect(other).toEqual(one);
  });

  it('a batch of webhooks says in its order what each gets', async () => {
    const [open, waits, rest, gaveUp] = await Promise.all(Array.from({ length: 4 }, () => engine.phone()));
    const other = await rest!.answered();
    engine.pass(3_500);
    await engine.due();
    const { text } = await open!.answered();
    const ids = [
      (await waits!.text()).message_id,
      text,
      other.text,
      (await gaveUp!.text()).message_id,
      '00000000-0000-7000-8000-000000000000',
    ];
    const taken = await engine.sql.values<{ state: string }>('messaging.take_reply', [ids, [false, false, false, true, false], engine.now]);
    expect(taken.map(({ state }) => state)).toEqual(['undecided', 'send', 'empty', 'empty', 'empty']);
  });

  it('take_reply and claim_due: exactly one of them gets an answer', async () => {
    const winners = { twiml: 0, rest: 0 };
    for (let round = 0; round < 60; round += 1) {
      const phone = await engine.phone();
      const { text, answer } = await phone.answered();
      engine.pass(3_500);
      const [taken, sends] = await Promise.all([engine.take(text, round % 2 === 0), sendsTo(phone)]);
      expect([taken!.state === 'send', sends.length === 1].filter(Boolean)).toHaveLength(1);
      winners[taken!.state === 'send' ? 'twiml' : 'rest'] += 1;
      expect(await engine.message(answer)).toMatchObject({ status: 'handed_out', handed_via: sends.length === 1 ? 'rest' : 'twiml' });
      expect(await engine.cell('select count(*)::int from messaging.send_decisions where message_id = $1', [answer])).toBe(1);
    }
    expect(Math.min(winners.twiml, winners.rest)).toBeGreaterThan(0);
  });

  it('senders that claim at the same time share the due answers, each of them once', async () => {
    const phones = await Promise.all(Array.from({ length: 20 }, () => engine.phone()));
    for (const phone of phones) await phone.answered();
    engine.pass(3_500);
    const claims = await Promise.all(Array.from({ length: 6 }, () => engine.due(5)));
    const rest = await engine.due();
    const bodies = [...claims, rest]
      .flatMap(({ sends }) => sends.map(({ to }) => to))
      .filter((to) => phones.some((phone) => phone.from === to));
    expect(bodies.sort()).toEqual(phones.map(({ from }) => from).sort());
  });

  it('answers leave in order by REST: the next one when the one before has a sid', async () => {
    const { phone, first } = await twoAnswers();
    engine.pass(3_500);
    expect(await sendsTo(phone)).toEqual(['one']);
    expect(await sendsTo(phone)).toEqual([]);
    expect(await engine.receipt(first.answer, 'SM1', 'queued')).toMatchObject({ known: true, frees: true });
    expect(await sendsTo(phone)).toEqual(['two']);
  });

  it('a webhook waits for earlier answers, and gives up to REST', async () => {
    const { phone, first, second } = await twoAnswers();
    expect(await engine.take(second.text)).toEqual({ state: 'blocked' });
    expect(await engine.take(second.text, true)).toEqual({ state: 'empty' });
    expect(await sendsTo(phone)).toEqual([]);
    expect(await engine.take(first.text)).toMatchObject({ state: 'send', body: 'one' });
    await written(first.answer);
    expect(await sendsTo(phone)).toEqual(['two']);
  });

  it('a TwiML that is not written yet holds later answers back, a written one does not', async () => {
    const { phone, first, second } = await twoAnswers();
    await engine.take(first.text);
    expect(await engine.take(second.text)).toEqual({ state: 'blocked' });
    engine.pass(3_500);
    expect(await sendsTo(phone)).toEqual([]);
    await written(first.answer);
    expect(await engine.take(second.text)).toMatchObject({ state: 'send', body: 'two' });
  });

  it('an answer that the carrier refused for good does not hold later ones back', async () => {
    const { phone, first } = await twoAnswers();
    engine.pass(3_500);
    await sendsTo(phone);
    await engine.sql.value('messaging.record_refusal', [first.answer, '30006', engine.now]);
    expect(await engine.message(first.answer)).toMatchObject({ status: 'failed', error_code: '30006' });
    expect(await sendsTo(phone)).toEqual(['two']);
  });

  it('parts leave one after the other: the first by webhook, each next one by REST when the one before has a sid', async () => {
    const phone = await engine.phone();
    const { text, answer } = await phone.answered('hi', 'part 1', 'part 2', 'part 3');
    const next = await phone.answered('and?', 'later');
    expect(await engine.outbound(phone.from)).toMatchObject([
      { part: 1, parts: 3, id: answer },
      { part: 2 },
      { part: 3 },
      { part: 1, parts: 1 },
    ]);
    expect(await engine.take(text)).toMatchObject({ state: 'send', body: 'part 1' });
    await written(answer);
    engine.pass(3_500);
    expect(await sendsTo(phone)).toEqual([]);
    for (const part of ['part 2', 'part 3']) {
      const [, two, three] = await engine.outbound(phone.from);
      await engine.receipt(part === 'part 2' ? answer : two!.id, `SM-${phone.from}-${part}`, 'queued');
      expect(await sendsTo(phone)).toEqual([part]);
      expect(await engine.take(next.text)).toEqual({ state: 'blocked' });
      if (part === 'part 3') await engine.receipt(three!.id, `SM-${phone.from}-3`, 'queued');
    }
    expect(await sendsTo(phone)).toEqual(['later']);
  });
});
