import { completion, Engine, START, STOP, type Phone } from './engine.fixture.js';
import type { Accepted, Sends, Taken } from './engine.types.js';

/** What happens when one transaction has done its part and not committed yet, and the other one comes. */
describe('two at the same time', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await Engine.start();
  });
  afterAll(() => engine?.stop());

  const DAY = 24 * 3_600_000;
  const accepting = (...forms: object[]): [string, unknown[]] => [
    'select messaging.accept_inbound($1, $2) as value',
    [JSON.stringify(forms), engine.now],
  ];
  const taking = (ids: string[], givesUp: boolean[]): Promise<Taken[]> =>
    engine.sql.values<Taken>('messaging.take_reply', [ids, givesUp, engine.now]);
  const statusOf = async (id: string): Promise<string> => (await engine.message(id)).status;
  const outbound = (phone: Phone): Promise<{ message_id: string }> => engine.create(phone, ['Offer']);

  it('a hand-out and a STOP: the answer that was handed out first is out before the STOP commits', async () => {
    const phone = await engine.phone();
    const { text } = await phone.answered();
    const handOut = await engine.holding('select messaging.take_reply($1, $2, $3) as value', [[text], [false], engine.now]);
    expect(handOut.rows).toMatchObject([{ value: { state: 'send' } }]);
    let stopped = false;
    const stop = phone.text(STOP).then(() => (stopped = true));
    await engine.waitingForLocks();
    expect(stopped).toBe(false);
    await handOut.commit();
    await stop;
  });

  it.each(['webhook', 'sender'])('a STOP and a hand-out: the %s waits for the STOP and gets nothing', async (way) => {
    const phone = await engine.phone();
    const { text, answer } = await phone.answered();
    engine.pass(3_500);
    const stop = await engine.holding(...accepting(phone.form(STOP)));
    const handOut =
      way === 'webhook'
        ? engine.take(text).then(({ state }) => state === 'send')
        : engine.due().then(({ sends }) => sends.some(({ message_id }) => message_id === answer));
    await engine.waitingForLocks();
    await stop.commit();
    expect(await handOut).toBe(false);
    expect(await statusOf(answer)).toBe('fenced');
  });

  it('a STOP and a proactive message: the sender waits for the STOP and sends nothing', async () => {
    const phone = await engine.phone();
    const { message_id } = await outbound(phone);
    const stop = await engine.holding(...accepting(phone.form(STOP)));
    const due = engine.due();
    await engine.waitingForLocks();
    await stop.commit();
    expect((await due).sends.map((send) => send.message_id)).not.toContain(message_id);
    expect(await engine.message(message_id)).toMatchObject({ status: 'refused', handed_via: null });
  });

  it('a STOP and a turn that is just stored: the answer is fenced whoever comes first', async () => {
    const phone = await engine.phone();
    for (const isStopFirst of [true, false]) {
      const { message_id } = await phone.text();
      const turn = await phone.claimed();
      const complete: [string, unknown[]] = [
        'select routing.complete_turns($1, $2) as value',
        [JSON.stringify([completion(turn)]), engine.now],
      ];
      const [first, second] = isStopFirst ? [accepting(phone.form(STOP)), complete] : [complete, accepting(phone.form(STOP))];
      const held = await engine.holding(...first);
      const other = engine.rows(...second);
      await engine.waitingForLocks();
      await held.commit();
      await other;
      expect(await engine.take(message_id)).toMatchObject({ state: 'empty' });
      await phone.text(START);
    }
  });

  it('a text that waited for a STOP is held, not run', async () => {
    const phone = await engine.phone();
    await phone.answered();
    const stop = await engine.holding(...accepting(phone.form(STOP)));
    const text = phone.text();
    await engine.waitingForLocks();
    await stop.commit();
    const { message_id, ring, is_decided } = await text;
    expect([await statusOf(message_id), ring, is_decided]).toEqual(['held', false, true]);
    expect(await phone.claim()).toMatchObject({ outcome: 'nothing' });
  });

  it('a STOP while the text that opens the session is being accepted: the text is closed', async () => {
    const phone = await engine.phone();
    await engine.sql.value('messaging.open_contact', [engine.account, phone.from]);
    const text = await engine.holding(...accepting(phone.form()));
    const stop = phone.text(STOP);
    await engine.waitingForLocks();
    await text.commit();
    await stop;
    const accepted = text.rows[0]!.value as Accepted;
    expect(await statusOf(accepted.message_id!)).toBe('closed');
    expect(await engine.claim(accepted.session_id!)).toMatchObject({ outcome: 'nothing' });
  });

  it('a text that would open a session waits for a STOP of the same phone, and is held', async () => {
    const phone = await engine.phone();
    await engine.sql.value('messaging.open_contact', [engine.account, phone.from]);
    const stop = await engine.holding(...accepting(phone.form(STOP)));
    const text = phone.text();
    await engine.waitingForLocks();
    await stop.commit();
    expect(await statusOf((await text).message_id)).toBe('held');
  });

  it('a text to a session that is just ending opens the next one and is answered', async () => {
    const phone = await engine.phone();
    await phone.answered();
    const old = phone.session;
    engine.pass(DAY + 1);
    const ending = await engine.holding('select routing.end_idle_sessions($1, 100)', [engine.now]);
    const text = phone.text('still there?');
    await engine.waitingForLocks();
    await ending.commit();
    const { message_id, session_id, ring } = await text;
    expect(ring).toBe(true);
    expect(session_id).toEqual(expect.any(String));
    expect(session_id).not.toBe(old);
    expect(await engine.message(message_id)).toMatchObject({ status: 'waiting', session_id, seq: '1' });
    expect((await phone.claimed()).texts.map(({ id }) => id)).toEqual([message_id]);
  });

  it('a chat text to a session that is just ending is refused as one to no session', async () => {
    const phone = await engine.phone();
    await phone.answered();
    const { handle } = await engine.session(phone.session);
    const ending = await engine.holding('select routing.end_session($1, $2)', [phone.session, engine.now]);
    const chat = engine.sql.value('routing.receive_chat', [engine.account, handle, 'hi', null, engine.now]);
    await engine.waitingForLocks();
    await ending.commit();
    expect(await chat).toBeNull();
    expect(
      await engine.rows(
        'select from routing.agent_sessions where contact_id = (select contact_id from routing.agent_sessions where id = $1)',
        [phone.session],
      ),
    ).toHaveLength(1);
  });

  it('a number that is given back while a text is accepted: the text is not lost unseen', async () => {
    const phone = await engine.phone();
    await phone.text();
    const release = await engine.holding('select messaging.release_number($1, $2, $3)', [engine.account, phone.to, engine.now]);
    const text = phone.text();
    await engine.waitingForLocks();
    await release.commit();
    const accepted = await text;
    if (accepted.outcome === 'accepted') expect(await statusOf(accepted.message_id)).not.toBe(undefined);
    else expect(accepted).toEqual({ outcome: 'number_not_found' });
  });

  it('an answer stored while its webhook’s batch waits for another session is not given up for REST', async () => {
    const [slow, quick] = [await engine.phone(), await engine.phone()];
    const one = await slow.answered();
    const { message_id } = await quick.text();
    const turn = await quick.claimed();
    const lock = await engine.holding('select from routing.agent_sessions where id = $1 for no key update', [slow.session]);
    const taken = taking([one.text, message_id], [false, false]);
    await engine.waitingForLocks();
    await engine.complete(turn, 'quick');
    await lock.commit();
    const [, second] = await taken;
    expect(second).not.toMatchObject({ state: 'empty' });
    expect(second!.state === 'send' ? second : await engine.take(message_id)).toMatchObject({ state: 'send', body: 'quick' });
  });

  it('the same when that webhook gives up: the answer leaves by REST when its offer ends', async () => {
    const [slow, quick] = [await engine.phone(), await engine.phone()];
    const one = await slow.answered();
    const { message_id } = await quick.text();
    const turn = await quick.claimed();
    const lock = await engine.holding('select from routing.agent_sessions where id = $1 for no key update', [slow.session]);
    const taken = taking([one.text, message_id], [false, true]);
    await engine.waitingForLocks();
    await engine.complete(turn, 'quick');
    await lock.commit();
    const [, second] = await taken;
    engine.pass(3_500);
    const due = await engine.due();
    expect([second!.state === 'send', due.sends.some(({ body }) => body === 'quick')].filter(Boolean)).toHaveLength(1);
  });

  it('a STOP while the sender takes an answer and a proactive message to one phone: neither is cancelled by a deadlock', async () => {
    const phone = await engine.phone();
    const { answer } = await phone.answered();
    const { message_id } = await outbound(phone);
    engine.pass(3_500);
    // The STOP has the contact and waits for the session; the sender, which needs both, comes in between.
    const lock = await engine.holding('select from routing.agent_sessions where id = $1 for share', [phone.session]);
    const stop = phone.text(STOP);
    await engine.waitingForLocks();
    const due = engine.sql.value<Sends>('messaging.claim_due', [100, engine.now]);
    await engine.waitingForLocks(2);
    await lock.commit();
    expect((await stop).outcome).toBe('accepted');
    expect((await due).sends.filter((send) => [answer, message_id].includes(send.message_id))).toEqual([]);
  });

  it('webhooks that give up while a batch of answers is stored: neither is cancelled by a deadlock', async () => {
    for (let round = 0; round < 15; round += 1) {
      const phones = await Promise.all(Array.from({ length: 6 }, () => engine.phone()));
      const texts: string[] = [];
      for (const phone of phones) texts.push((await phone.text()).message_id);
      const turns = [];
      for (const phone of phones) turns.push(completion(await phone.claimed()));
      const mixed = round % 2 === 0 ? texts.toReversed() : texts;
      await Promise.all([
        taking(
          mixed,
          mixed.map(() => true),
        ),
        engine.sql.values('routing.complete_turns', [JSON.stringify(turns), engine.now]),
      ]);
    }
  });

  it.each(['no agent', 'turn_deadline'])('batches of claims that raise the same alert (%s) do not deadlock', async (reason) => {
    const number = await engine.number(await engine.agent(reason === 'no agent' ? { status: 'offline' } : {}));
    const phones = [engine.phoneTo(number), engine.phoneTo(number)];
    for (const phone of phones) await phone.text();
    if (reason === 'turn_deadline') engine.pass(30_000);
    const [first, second] = phones.map(({ session }) => session).sort() as [string, string];
    const claim = (...sessions: string[]): Promise<{ alert: object }[]> =>
      engine.sql.values('routing.claim_turns', [sessions, null, engine.now, '4 seconds']);
    const lock = await engine.holding('select from routing.agent_sessions where id = $1 for update', [second]);
    const one = claim(second);
    await engine.waitingForLocks(1);
    const both = claim(first, second);
    await engine.waitingForLocks(2);
    await lock.commit();
    const alert = { severity: expect.any(String) as string };
    expect((await one)[0]).toMatchObject({ alert });
    expect(await both).toContainEqual(expect.objectContaining({ alert: expect.objectContaining(alert) as object }));
  });

  it('batches that take the same phones in different orders do not deadlock', async () => {
    const phones = await Promise.all(Array.from({ length: 8 }, () => engine.phone()));
    for (let round = 0; round < 15; round += 1) {
      await Promise.all([
        engine.accept(phones.map((phone) => phone.form())),
        engine.accept(phones.toReversed().map((phone) => phone.form())),
        engine.sql.values('routing.move_sessions', [phones.map(({ session }) => session).filter(Boolean), null, engine.now]),
      ]);
      for (const phone of phones)
        phone.session ||= await engine.cell(
          'select s.id from routing.agent_sessions s join messaging.contacts c on c.id = s.contact_id where c.phone = $1',
          [phone.from],
        );
    }
  });
});
