import { Engine, START, STOP, type Phone } from './engine.fixture.js';

interface Created {
  outcome: string;
  message_id: string;
  status: string;
  decision: { decision_id: string; verdict: string; rule: string };
  alert: { kind: string } | null;
}

describe('messages that nobody asked for', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await Engine.start();
  });
  beforeEach(() => engine.clear());
  afterAll(() => engine?.stop());

  const create = (phone: Phone, bodies: string[], fields?: object): Promise<Created> => engine.create(phone, bodies, fields);
  const sent = async (): Promise<string[]> => (await engine.due()).sends.map(({ body }) => body);

  it('a message to a phone that never texted is stored, judged and due at once', async () => {
    const phone = await engine.phone();
    const created = await create(phone, ['Hello']);
    expect(created).toMatchObject({ outcome: 'accepted', status: 'pending', decision: { verdict: 'allow', rule: 'none' } });
    expect((await engine.due()).sends).toMatchObject([{ message_id: created.message_id, from: phone.to, to: phone.from, body: 'Hello' }]);
    expect(await engine.cell('select count(*)::int from messaging.send_decisions where message_id = $1', [created.message_id])).toBe(2);
  });

  it('parts leave in order, each when the one before has a sid', async () => {
    const phone = await engine.phone();
    await create(phone, ['1', '2', '3']);
    for (const body of ['1', '2', '3']) {
      const { sends } = await engine.due();
      expect(sends.map((send) => send.body)).toEqual([body]);
      expect(await sent()).toEqual([]);
      await engine.receipt(sends[0]!.message_id, `SM-${sends[0]!.message_id}`, 'queued');
    }
    expect(await sent()).toEqual([]);
  });

  it('it does not wait for the answers of the session, nor they for it', async () => {
    const phone = await engine.phone();
    const { text } = await phone.answered();
    await create(phone, ['Offer']);
    expect(await sent()).toEqual(['Offer']);
    expect(await engine.take(text)).toMatchObject({ state: 'send' });
  });

  it('media goes with the first part', async () => {
    const phone = await engine.phone();
    await create(phone, ['1', '2'], { media: [{ url: 'https://x.test/a.png' }] });
    expect((await engine.due()).sends).toMatchObject([{ body: '1', media_urls: ['https://x.test/a.png'] }]);
  });

  it('while opted out it is refused with the rule, and the row is kept', async () => {
    const phone = await engine.phone();
    await phone.text(STOP);
    await engine.clear();
    const created = await create(phone, ['1', '2']);
    expect(created).toMatchObject({ outcome: 'refused', status: 'refused', decision: { verdict: 'refuse', rule: 'opted_out' } });
    expect(await engine.message(created.message_id)).toMatchObject({
      status: 'refused',
      body: '1',
      decision_id: created.decision.decision_id,
    });
    expect(await sent()).toEqual([]);
    await phone.text(START);
    await engine.clear();
    expect(await create(phone, ['again'])).toMatchObject({ outcome: 'accepted' });
  });

  it('STOP between acceptance and hand-out: it is refused then', async () => {
    const phone = await engine.phone();
    const { message_id } = await create(phone, ['1']);
    await phone.text(STOP);
    expect(await sent()).not.toContain('1');
    expect(await engine.message(message_id)).toMatchObject({ status: 'refused', handed_via: null });
  });

  it('STOP after the first part: the others are refused', async () => {
    const phone = await engine.phone();
    const { message_id } = await create(phone, ['1', '2']);
    expect(await sent()).toEqual(['1']);
    await phone.text(STOP);
    await engine.receipt(message_id, 'SM-first', 'queued');
    expect(await sent()).not.toContain('2');
    expect((await engine.outbound(phone.from)).filter(({ purpose }) => purpose === 'marketing').map(({ status }) => status)).toEqual([
      'queued',
      'refused',
    ]);
  });

  it('a purpose that alone was suppressed is refused, others pass', async () => {
    const phone = await engine.phone();
    await create(phone, ['x']);
    await engine.rows(`update messaging.contacts set suppressed = '{marketing}' where phone = $1`, [phone.from]);
    expect(await create(phone, ['x'])).toMatchObject({ outcome: 'refused', decision: { rule: 'opted_out' } });
    expect(await create(phone, ['x'], { purpose: 'transactional' })).toMatchObject({ outcome: 'accepted' });
  });

  it('half a message is worse than none: a part that is refused takes the others with it', async () => {
    const phone = await engine.phone();
    expect(await create(phone, ['fine', 'see bit.ly/x', 'fine'])).toMatchObject({
      outcome: 'refused',
      decision: { rule: 'content:public_link_shortener' },
      alert: { kind: 'send_refused' },
    });
    expect(await sent()).toEqual([]);
    const rows = await engine.outbound(phone.from);
    expect(rows.map(({ status }) => status)).toEqual(['refused', 'refused']);
  });

  it('a sender that is no number of the account is told so, and nothing is stored', async () => {
    const phone = engine.phoneTo('+19990000000');
    expect(await create(phone, ['x'])).toEqual({ outcome: 'number_not_found' });
    expect(await engine.outbound(phone.from)).toEqual([]);
  });

  it('many at the same time to a phone that nobody knew make one contact', async () => {
    const phone = await engine.phone();
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => create(phone, ['x'])));
    expect(new Set(outcomes.map(({ outcome }) => outcome))).toEqual(new Set(['accepted']));
    expect(await engine.cell('select count(*)::int from messaging.contacts where phone = $1', [phone.from])).toBe(1);
  });
});
