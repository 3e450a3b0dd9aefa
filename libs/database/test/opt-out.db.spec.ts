import { Engine, HELP, START, STOP, YES, type Phone } from './engine.fixture.js';

describe('STOP, START and HELP', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await Engine.start();
  });
  afterAll(() => engine?.stop());

  const statusOf = async (id: string): Promise<string> => (await engine.message(id)).status;
  const suppressed = (phone: Phone): Promise<string[]> =>
    engine.cell('select suppressed from messaging.contacts where phone = $1', [phone.from]);
  const consents = (phone: Phone): Promise<{ action: string; source: string; exact_text: string }[]> =>
    engine.rows(
      'select x.action, x.source, x.exact_text, x.message_id from messaging.consents x join messaging.contacts c on c.id = x.contact_id where c.phone = $1 order by x.id',
      [phone.from],
    );
  /** What the person's phone would get by now. */
  const sendable = async (phone: Phone): Promise<string[]> => {
    const { sends } = await engine.due();
    return sends.filter(({ to }) => to === phone.from).map(({ body }) => body);
  };

  it('STOP during a running turn: its answer is stored as fenced and never handed out', async () => {
    const phone = await engine.phone();
    const { message_id } = await phone.text();
    const turn = await phone.claimed();
    await phone.text(STOP);
    expect(await engine.complete(turn, 'too late')).toMatchObject({ outcome: 'fenced', is_due: false });
    expect(await engine.take(message_id)).toEqual({ state: 'empty' });
    engine.pass(60_000);
    expect(await sendable(phone)).toEqual([expect.stringMatching(/unsubscribed/)]);
    expect(await engine.outbound(phone.from)).toMatchObject([
      { purpose: 'confirmation' },
      { body: 'too late', status: 'fenced', handed_via: null },
    ]);
    expect(await statusOf(message_id)).toBe('closed');
  });

  it('STOP during a running turn: a failing attempt ends without an apology', async () => {
    const phone = await engine.phone();
    await phone.text();
    const turn = await phone.claimed();
    await phone.text(STOP);
    expect(await engine.fail(turn, null)).toMatchObject({ outcome: 'fenced', more_at: null });
    expect(await engine.outbound(phone.from)).toHaveLength(1);
  });

  it('STOP closes the texts that wait for their turn, and the path says why', async () => {
    const phone = await engine.phone();
    const { message_id: first } = await phone.text();
    const { message_id: second } = await phone.text();
    await phone.text(STOP);
    for (const id of [first, second]) {
      const message = await engine.message(id);
      expect(message.status).toBe('closed');
      expect(message.transmission_path.at(-1)).toMatchObject({ hop: 'closed', reason: 'opt_out' });
      expect(await engine.take(id)).toEqual({ state: 'empty' });
    }
    expect(await phone.claim()).toMatchObject({ outcome: 'nothing' });
    engine.pass(60_000);
    expect(await engine.sql.values('routing.sweep', [engine.now, 1_000])).not.toContain(phone.session);
  });

  it('STOP before an answer is handed out: the gate fences it, by webhook as by REST', async () => {
    const [byWebhook, byRest] = [await engine.phone(), await engine.phone()];
    const one = await byWebhook.answered();
    const other = await byRest.answered('hello', 'part one', 'part two');
    await byWebhook.text(STOP);
    await byRest.text(STOP);
    expect(await engine.take(one.text)).toMatchObject({ state: 'empty' });
    engine.pass(60_000);
    expect(await sendable(byRest)).toEqual([expect.stringMatching(/unsubscribed/)]);
    expect(await sendable(byRest)).toEqual([]);
    expect(await engine.message(one.answer)).toMatchObject({
      status: 'fenced',
      handed_via: null,
      decision_id: expect.any(String) as string,
    });
    expect((await engine.outbound(byRest.from)).filter(({ purpose }) => purpose === 'reply')).toMatchObject([
      { status: 'fenced' },
      { status: 'fenced' },
    ]);
    expect(await engine.message(other.answer)).toMatchObject({ handed_via: null });
  });

  it('STOP holds on all numbers of the account, and on those of no other account', async () => {
    const phone = await engine.phone();
    const stranger = await engine.cell<string>(`insert into security.accounts (name) values ('theirs') returning id`);
    const theirAgent = await engine.agent({ account_id: stranger });
    const [mine, theirs] = [
      engine.phoneTo(await engine.number(await engine.agent())),
      engine.phoneTo(await engine.number(theirAgent, stranger)),
    ];
    const elsewhere = await engine.accept([phone.form({ to: mine.to }), phone.form({ to: theirs.to, account_id: stranger })]);
    await phone.text(STOP);
    expect(await Promise.all(elsewhere.map(({ message_id }) => statusOf(message_id!)))).toEqual(['closed', 'waiting']);
    const after = await engine.accept([phone.form({ to: mine.to }), phone.form({ to: theirs.to, account_id: stranger })]);
    expect(await Promise.all(after.map(({ message_id }) => statusOf(message_id!)))).toEqual(['held', 'waiting']);
  });

  it('the confirmation of an opt-out passes the gate once', async () => {
    const phone = await engine.phone();
    const { message_id, is_decided } = await phone.text(STOP);
    expect(is_decided).toBe(true);
    expect(await engine.take(message_id)).toMatchObject({ state: 'send', body: expect.stringMatching(/unsubscribed.*START/) as string });
    const { message_id: second, is_decided: isSecondDecided } = await phone.text(STOP);
    expect(isSecondDecided).toBe(true);
    expect(await engine.take(second)).toEqual({ state: 'empty' });
    expect(await engine.outbound(phone.from)).toHaveLength(1);
    expect(await consents(phone)).toMatchObject([{ action: 'opt_out' }, { action: 'opt_out' }]);
  });

  it('a repeated delivery of STOP is one STOP', async () => {
    const phone = await engine.phone();
    const form = phone.form(STOP);
    const [first] = await engine.accept([form]);
    const [again] = await engine.accept([form]);
    expect(again).toEqual({ outcome: 'duplicate', message_id: first!.message_id });
    expect(await consents(phone)).toHaveLength(1);
  });

  it('texts while opted out are stored as held and not run; START undoes that for later ones', async () => {
    const phone = await engine.phone();
    await phone.text(STOP);
    const { message_id: held, ring, is_decided } = await phone.text('hello?');
    expect([await statusOf(held), ring, is_decided]).toEqual(['held', false, true]);
    expect(await engine.take(held)).toEqual({ state: 'empty' });
    const { message_id } = await phone.text(START);
    expect(await engine.take(message_id)).toMatchObject({ state: 'send', body: expect.stringMatching(/subscribed again/) as string });
    expect(await suppressed(phone)).toEqual([]);
    expect(await phone.text('hello again')).toMatchObject({ ring: true });
    expect((await phone.claimed()).texts.map(({ body }) => body)).toEqual(['hello again']);
    expect(await statusOf(held)).toBe('held');
  });

  it('START does not revive what STOP fenced', async () => {
    const phone = await engine.phone();
    const { text, answer } = await phone.answered();
    const running = await phone.text('second');
    const turn = await phone.claimed();
    await phone.text(STOP);
    await phone.text(START);
    expect(await engine.take(text)).toMatchObject({ state: 'empty' });
    expect(await engine.complete(turn)).toMatchObject({ outcome: 'fenced' });
    expect(await statusOf(answer)).toBe('fenced');
    expect(await statusOf(running.message_id)).toBe('closed');
  });

  it('a text after STOP and START waits until the fenced turn has ended, and is then answered', async () => {
    const phone = await engine.phone();
    await phone.text('before');
    const fenced = await phone.claimed();
    await phone.text(STOP);
    await phone.text(START);
    const { message_id } = await phone.text('after');
    expect(await phone.claim()).toMatchObject({ outcome: 'running' });
    expect((await engine.complete(fenced)).more_at).toBeTruthy();
    const turn = await phone.claimed();
    expect(turn.texts.map(({ id }) => id)).toEqual([message_id]);
    await engine.complete(turn, 'welcome back');
    expect(await engine.take(message_id)).toMatchObject({ state: 'send', body: 'welcome back' });
  });

  it('a fenced turn whose runner died does not hold the session', async () => {
    const phone = await engine.phone();
    await phone.text('before');
    const fenced = await phone.claimed();
    await phone.text(STOP);
    await phone.text(START);
    await phone.text('after');
    engine.pass(4_000);
    const turn = await phone.claimed();
    expect(turn).toMatchObject({ attempt: 1, texts: [{ body: 'after' }] });
    expect(turn.turn_id).not.toBe(fenced.turn_id);
    expect(await engine.complete(fenced)).toMatchObject({ outcome: 'void' });
    expect(await engine.cell('select status from routing.turns where id = $1', [fenced.turn_id])).toBe('fenced');
  });

  it('YES opts in only while opted out; else it is an ordinary text', async () => {
    const phone = await engine.phone();
    const { message_id } = await phone.text(YES);
    expect(await statusOf(message_id)).toBe('waiting');
    expect((await phone.claimed()).texts.map(({ body }) => body)).toEqual(['YES']);
    await phone.text(STOP);
    const { message_id: again } = await phone.text(YES);
    expect(await statusOf(again)).toBe('handled');
    expect(await suppressed(phone)).toEqual([]);
  });

  it('HELP answers by itself, also while opted out, and leaves the waiting texts alone', async () => {
    const phone = await engine.phone();
    const { message_id: waits } = await phone.text();
    const { message_id } = await phone.text(HELP);
    expect(await engine.take(message_id)).toMatchObject({ state: 'send', body: expect.stringMatching(/STOP to unsubscribe/) as string });
    expect(await statusOf(waits)).toBe('waiting');
    await phone.text(STOP);
    const { message_id: whileOut } = await phone.text(HELP);
    expect(await engine.take(whileOut)).toMatchObject({ state: 'send' });
    expect(await suppressed(phone)).toEqual(['all']);
  });

  it('OptOutType means that the carrier has answered: it takes effect and we say nothing', async () => {
    const phone = await engine.phone();
    for (const [form, out] of [
      [STOP, ['all']],
      [HELP, ['all']],
      [START, []],
    ] as const) {
      const { message_id } = await phone.text({ ...form, intent_source: 'carrier', is_answered_by_carrier: true });
      expect(await engine.take(message_id)).toEqual({ state: 'empty' });
      expect(await suppressed(phone)).toEqual(out);
    }
    expect(await engine.outbound(phone.from)).toEqual([]);
    expect(await consents(phone)).toMatchObject([{ source: 'carrier' }, { source: 'carrier' }]);
  });

  it('the consent ledger keeps who said what in which words', async () => {
    const phone = await engine.phone();
    const { message_id } = await phone.text({ ...STOP, body: 'please stop texting me', intent_source: 'plain_language' });
    expect(await consents(phone)).toEqual([
      { action: 'opt_out', source: 'plain_language', exact_text: 'please stop texting me', message_id },
    ]);
    expect(await engine.sql.values('messaging.list_consents', [engine.account, phone.from])).toMatchObject([
      { action: 'opt_out', purpose: 'all' },
    ]);
  });

  it('a first text of a phone that is STOP is obeyed', async () => {
    const phone = await engine.phone();
    const { message_id, session_id } = await phone.text(STOP);
    expect([await statusOf(message_id), session_id]).toEqual(['handled', null]);
    expect(await suppressed(phone)).toEqual(['all']);
    expect(await engine.take(message_id)).toMatchObject({ state: 'send' });
  });

  it('the account’s own words are used', async () => {
    const phone = await engine.phone();
    await engine.rows(`update security.accounts set opt_out_text = 'Bye.' where id = $1`, [engine.account]);
    const { message_id } = await phone.text(STOP);
    expect(await engine.take(message_id)).toMatchObject({ body: 'Bye.' });
    await engine.rows(`update security.accounts set opt_out_text = default where id = $1`, [engine.account]);
  });
});
