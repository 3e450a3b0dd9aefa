import { Engine, type Phone } from './engine.fixture.js';

describe('what the carrier says of our messages', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await Engine.start();
  });
  afterAll(() => engine?.stop());

  const handedOut = async (): Promise<{ phone: Phone; answer: string; sid: string }> => {
    const phone = await engine.phone();
    const { text, answer } = await phone.answered();
    await engine.take(text);
    return { phone, answer, sid: `SM-${answer}` };
  };
  /** The status after callbacks in that order, each `status` or `status/error code`. */
  const after = async (...callbacks: string[]): Promise<[string, string | null]> => {
    const { answer, sid } = await handedOut();
    for (const callback of callbacks) {
      const [status, code] = callback.split('/');
      await engine.receipt(answer, sid, status!, code ?? null);
    }
    const { status, error_code } = await engine.message(answer);
    return [status, error_code];
  };

  it.each([
    [['queued', 'sent', 'delivered'], 'delivered', null],
    [['delivered', 'sent', 'queued'], 'delivered', null],
    [['sent', 'sent', 'queued', 'sent'], 'sent', null],
    [['accepted', 'scheduled', 'sending'], 'sending', null],
    [['delivered', 'undelivered/30003'], 'delivered', '30003'],
    [['undelivered/30003', 'delivered'], 'undelivered', '30003'],
    [['failed/30007', 'undelivered/30003'], 'failed', '30007'],
    [['sent', 'undelivered', 'undelivered/30005', 'undelivered/30008'], 'undelivered', '30005'],
    [['delivered', 'read', 'delivered'], 'read', null],
    [['read', 'delivered'], 'read', null],
    [['failed', 'read'], 'failed', null],
    [['canceled', 'sent'], 'canceled', null],
    [['something-new', 'sent'], 'sent', null],
    [['sent', 'something-new'], 'sent', null],
  ])('of %j stays %s: rank counts, the first final word wins, the first error code is kept', async (callbacks, status, code) => {
    expect(await after(...callbacks)).toEqual([status, code]);
  });

  it('the same callback at the same time many times counts once', async () => {
    const { answer, sid } = await handedOut();
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => engine.receipt(answer, sid, 'sent')));
    expect(outcomes).toEqual(Array(8).fill({ known: true, frees: false }));
    const { transmission_path: path, message_sid } = await engine.message(answer);
    expect(path.filter(({ hop }) => hop === 'sent')).toHaveLength(1);
    expect(message_sid).toBe(sid);
  });

  it('a receipt settles the message: it is not looked up or sent again, and says once whether others waited for it', async () => {
    const { phone, answer, sid } = await handedOut();
    const { answer: next } = await phone.answered();
    expect(await engine.receipt(answer, sid, 'queued')).toEqual({ known: true, frees: true });
    expect(await engine.receipt(answer, sid, 'sent')).toEqual({ known: true, frees: false });
    await engine.rows('delete from messaging.outbox where message_id = $1', [next]);
    await engine.sql.value('messaging.requeue', [answer, engine.now]);
    engine.pass(60_000);
    expect((await engine.due()).sends).toEqual([]);
    expect(await engine.sql.value('messaging.claim_unsettled', [100, '15 seconds', engine.now])).toEqual([]);
  });

  it('the sid of another message raises an alert: we were sent twice', async () => {
    const { answer, sid } = await handedOut();
    await engine.receipt(answer, sid, 'delivered');
    expect(await engine.receipt(answer, 'SM-other', 'delivered')).toMatchObject({
      known: true,
      alert: { kind: 'message_sent_twice', severity: 'critical' },
    });
    expect(await engine.message(answer)).toMatchObject({ message_sid: sid, status: 'delivered' });
    await engine.receipt(answer, 'SM-other', 'read');
    expect(await engine.alerts(answer)).toEqual([{ kind: 'message_sent_twice', severity: 'critical', occurrences: 2 }]);
  });

  it('a callback that another account’s credentials signed changes nothing', async () => {
    const { answer, sid } = await handedOut();
    const stranger = await engine.cell<string>(`insert into security.accounts (name) values ('theirs') returning id`);
    const receive = (account: string): Promise<object> =>
      engine.sql.value('messaging.record_receipt', [answer, sid, 'failed', '30007', engine.now, account]);
    expect(await receive(stranger)).toEqual({ known: false });
    expect(await engine.message(answer)).toMatchObject({ status: 'handed_out', message_sid: null });
    expect(await receive(engine.account)).toMatchObject({ known: true });
    expect(await engine.message(answer)).toMatchObject({ status: 'failed' });
  });

  it('a callback about a message that we do not know, or about a text of theirs, is no error', async () => {
    expect(await engine.receipt('00000000-0000-7000-8000-000000000000', 'SM1', 'sent')).toEqual({ known: false });
    const phone = await engine.phone();
    const { message_id } = await phone.text();
    expect(await engine.receipt(message_id, 'SM1', 'sent')).toEqual({ known: false });
    expect(await engine.message(message_id)).toMatchObject({ status: 'waiting' });
  });

  it.each(['callback', 'refusal'])('21610 by %s opts the contact out, in the carrier’s name, and fences what waits', async (way) => {
    const { phone, answer, sid } = await handedOut();
    const { message_id } = await phone.text();
    if (way === 'callback') await engine.receipt(answer, sid, 'undelivered', '21610');
    else expect(await engine.sql.value('messaging.record_refusal', [answer, '21610', engine.now])).toBeNull();
    expect(await engine.message(answer)).toMatchObject({ error_code: '21610' });
    expect(await engine.message(message_id)).toMatchObject({ status: 'closed' });
    expect(await engine.sql.values('messaging.list_consents', [engine.account, phone.from])).toMatchObject([
      { action: 'opt_out', source: 'carrier_error', message_id: answer },
    ]);
    expect((await phone.text()).is_decided).toBe(true);
    await engine.receipt(answer, sid, 'undelivered', '21610');
    expect(await engine.sql.values('messaging.list_consents', [engine.account, phone.from])).toHaveLength(1);
  });

  it('a refusal is final, keeps the first code and raises an alert; a callback that contradicts it changes nothing', async () => {
    const { answer, sid } = await handedOut();
    expect(await engine.sql.value('messaging.record_refusal', [answer, '30034', engine.now])).toMatchObject({
      kind: 'send_failed',
      severity: 'warning',
    });
    expect(await engine.sql.value('messaging.record_refusal', [answer, '30007', engine.now])).toBeNull();
    await engine.receipt(answer, sid, 'sent');
    expect(await engine.message(answer)).toMatchObject({ status: 'failed', error_code: '30034' });
  });

  it('a receipt that comes before the TwiML is marked as written frees the next answer', async () => {
    const phone = await engine.phone();
    const first = await phone.answered('1', 'one');
    const second = await phone.answered('2', 'two');
    await engine.take(first.text);
    await engine.receipt(first.answer, `SM-${first.answer}`, 'delivered');
    await engine.sql.value('messaging.mark_written', [[first.answer]]);
    expect(await engine.take(second.text)).toMatchObject({ state: 'send' });
  });
});
