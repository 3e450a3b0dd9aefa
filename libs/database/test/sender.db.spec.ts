import { Engine, STOP, type Phone } from './engine.fixture.js';
import type { Sends } from './engine.types.js';

describe('sender and reconciler', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await Engine.start();
  });
  beforeEach(() => engine.clear());
  afterAll(() => engine?.stop());

  const AGE = '15 seconds';
  const unsettled = (limit = 100): Promise<Sends['sends']> => engine.sql.value('messaging.claim_unsettled', [limit, AGE, engine.now]);
  const requeue = (id: string, dueAt = engine.now, handedAt: string | null = null): Promise<void> =>
    engine.sql.value('messaging.requeue', [id, dueAt, handedAt]);
  const due = async (id: string): Promise<boolean> => (await engine.due()).sends.some(({ message_id }) => message_id === id);
  const sentByRest = async (): Promise<{ phone: Phone; text: string; answer: string }> => {
    const phone = await engine.phone();
    const { text, answer } = await phone.answered();
    engine.pass(3_500);
    expect(await due(answer)).toBe(true);
    return { phone, text, answer };
  };

  it('the sender gets everything that the carrier needs', async () => {
    const phone = await engine.phone();
    await phone.answered('hi', 'Grüezi');
    engine.pass(3_500);
    const { sends } = await engine.due();
    expect(sends).toMatchObject([
      { body: 'Grüezi', from: phone.to, to: phone.from, channel: 'sms', media_urls: [], account_id: engine.account },
    ]);
    expect(new Date(sends[0]!.handed_at!)).toEqual(engine.now);
    expect(await engine.due()).toEqual({ sends: [], alerts: [] });
  });

  it('at most the limit is claimed, the longest due first', async () => {
    const phones = await Promise.all(Array.from({ length: 5 }, () => engine.phone()));
    for (const phone of phones) {
      await phone.answered('hi', phone.from);
      engine.pass(10);
    }
    engine.pass(3_500);
    expect((await engine.due(2)).sends.map(({ body }) => body).sort()).toEqual([phones[0]!.from, phones[1]!.from].sort());
    expect((await engine.due(10)).sends).toHaveLength(3);
  });

  it('what the carrier certainly did not take is due again after its pause', async () => {
    const { answer } = await sentByRest();
    await requeue(answer, engine.after(5_000));
    engine.pass(4_999);
    expect(await due(answer)).toBe(false);
    engine.pass(1);
    const { sends } = await engine.due();
    expect(sends).toMatchObject([{ message_id: answer, attempts: 1 }]);
  });

  it('what is under way or unknown is never handed out again by itself', async () => {
    const { text, answer } = await sentByRest();
    engine.pass(3_600_000);
    expect(await due(answer)).toBe(false);
    expect(await engine.take(text)).toEqual({ state: 'empty' });
  });

  it('the reconciler is given what was handed out 15 s ago without a receipt, by either way, and again after 5 s', async () => {
    const rest = await sentByRest();
    const webhook = await (await engine.phone()).answered();
    await engine.take(webhook.text);
    await engine.sql.value('messaging.mark_written', [[webhook.answer]]);
    engine.pass(14_999);
    expect(await unsettled()).toEqual([]);
    engine.pass(1);
    const found = await unsettled();
    expect(found.map(({ message_id }) => message_id)).toEqual(expect.arrayContaining([rest.answer, webhook.answer]));
    expect(found[0]).toMatchObject({
      handed_at: expect.any(String) as string,
      from: expect.any(String) as string,
      to: expect.any(String) as string,
    });
    expect(await unsettled()).toEqual([]);
    engine.pass(5_000);
    expect((await unsettled()).map(({ message_id }) => message_id)).toEqual(expect.arrayContaining([rest.answer, webhook.answer]));
  });

  it('a send that failed on the carrier’s side is looked up as soon as the sender asks for it', async () => {
    const { answer } = await sentByRest();
    await engine.sql.value('messaging.look_up_at', [answer, engine.after(3_000)]);
    engine.pass(2_999);
    expect(await unsettled()).toEqual([]);
    engine.pass(1);
    const [found] = await unsettled();
    expect(found).toMatchObject({ message_id: answer });
    await requeue(answer, engine.now, found!.handed_at);
    expect(await due(answer)).toBe(true);
  });

  it('reconcilers that look at the same time share the unsettled messages', async () => {
    const answers = [];
    for (let i = 0; i < 12; i += 1) answers.push((await sentByRest()).answer);
    engine.pass(15_000);
    const found = (await Promise.all(Array.from({ length: 4 }, () => unsettled(5)))).flat().map(({ message_id }) => message_id);
    expect(new Set(found).size).toBe(found.length);
    expect([...found, ...(await unsettled()).map(({ message_id }) => message_id)]).toEqual(expect.arrayContaining(answers));
  });

  it('a TwiML that never reached the carrier leaves by REST, and its webhook gets nothing any more', async () => {
    const phone = await engine.phone();
    const { text, answer } = await phone.answered();
    await engine.take(text);
    engine.pass(15_000);
    const [lost] = (await unsettled()).filter(({ message_id }) => message_id === answer);
    await requeue(answer, engine.now, lost!.handed_at);
    expect(await due(answer)).toBe(true);
    expect(await engine.take(text)).toEqual({ state: 'empty' });
    await engine.receipt(answer, `SM-${answer}`, 'queued');
    expect(await engine.take(text)).toEqual({ state: 'empty' });
  });

  it('a look-up that was overtaken by a second hand-out does not cause a third', async () => {
    const { answer } = await sentByRest();
    engine.pass(15_000);
    const [slow] = await unsettled();
    engine.pass(5_000);
    const [quick] = await unsettled();
    await requeue(answer, engine.now, quick!.handed_at);
    expect(await due(answer)).toBe(true);
    await requeue(answer, engine.now, slow!.handed_at);
    expect(await due(answer)).toBe(false);
  });

  it('a look-up that was overtaken by a repeated webhook does not send what that webhook got', async () => {
    const phone = await engine.phone();
    const { text, answer } = await phone.answered();
    await engine.take(text);
    engine.pass(15_000);
    const [lost] = (await unsettled()).filter(({ message_id }) => message_id === answer);
    engine.pass(1);
    expect(await engine.take(text)).toMatchObject({ state: 'send' });
    await requeue(answer, engine.now, lost!.handed_at);
    expect(await due(answer)).toBe(false);
    expect(await unsettled()).toEqual([]);
    engine.pass(15_000);
    expect((await unsettled()).map(({ message_id }) => message_id)).toContain(answer);
  });

  it('a message that was settled meanwhile is not sent again', async () => {
    const { answer } = await sentByRest();
    engine.pass(15_000);
    const [found] = (await unsettled()).filter(({ message_id }) => message_id === answer);
    await engine.receipt(answer, `SM-${answer}`, 'sent');
    await requeue(answer, engine.now, found!.handed_at);
    expect(await due(answer)).toBe(false);
  });

  it('what waits for another try when STOP comes is fenced', async () => {
    const { phone, answer } = await sentByRest();
    await requeue(answer);
    await phone.text(STOP);
    expect(await due(answer)).toBe(false);
    expect(await engine.message(answer)).toMatchObject({ status: 'fenced' });
  });

  it('carrier ids that we know are told from those that we do not', async () => {
    const { phone, answer } = await sentByRest();
    await engine.receipt(answer, 'SM-known', 'sent');
    expect(await engine.sql.values('messaging.known_sids', [engine.account, phone.from, ['SM-known', 'SM-unknown']])).toEqual(['SM-known']);
  });
});
