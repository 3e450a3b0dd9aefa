import { randomUUID } from 'node:crypto';
import { Batcher } from '../src/index.js';
import { Engine, type TextFields } from './engine.fixture.js';
import type { Accepted } from './engine.types.js';

describe('accepting texts', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await Engine.start();
  });
  afterAll(() => engine?.stop());

  const seqs = async (session: string): Promise<number[]> =>
    (
      await engine.rows<{ seq: string }>(
        'select seq from messaging.message_history where session_id = $1 and seq is not null order by seq',
        [session],
      )
    ).map(({ seq }) => Number(seq));
  const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

  it('a text is stored with what the carrier sent, and opens a session at the agent of the number', async () => {
    const agent = await engine.agent();
    const phone = engine.phoneTo(await engine.number(agent));
    const { message_id, session_id } = await phone.text({
      body: 'hi',
      fields: { FromCity: 'Bern' },
      media: [{ url: 'https://x.test/a.png', contentType: 'image/png' }],
    });
    expect(await engine.message(message_id)).toMatchObject({
      direction: 'inbound',
      status: 'waiting',
      body: 'hi',
      seq: '1',
      session_id,
      carrier_fields: { FromCity: 'Bern' },
      media: [{ url: 'https://x.test/a.png' }],
    });
    expect(await engine.session(session_id!)).toMatchObject({
      agent_id: agent,
      last_seq: '1',
      done_seq: '0',
      epoch: 0,
      waiting: [message_id],
    });
    expect((await engine.message(message_id)).transmission_path.map(({ hop }) => hop)).toEqual(['received', 'stored']);
  });

  it('a second delivery of the same MessageSid creates no second turn', async () => {
    const phone = await engine.phone();
    const form = phone.form();
    const [first] = await engine.accept([form]);
    const [second] = await engine.accept([form]);
    expect(second).toEqual({ outcome: 'duplicate', message_id: first!.message_id });
    expect(await seqs(first!.session_id!)).toEqual([1]);
  });

  it('the same MessageSid on another carrier account is another text', async () => {
    const phone = await engine.phone();
    const form = phone.form();
    const [first] = await engine.accept([form]);
    const [second] = await engine.accept([{ ...form, account_sid: 'AC2' }]);
    expect(second!.outcome).toBe('accepted');
    expect(await seqs(first!.session_id!)).toEqual([1, 2]);
  });

  it('of many deliveries of one MessageSid at the same time exactly one is accepted', async () => {
    const phone = await engine.phone();
    for (let round = 1; round <= 20; round += 1) {
      const form = phone.form();
      const all = (await Promise.all(Array.from({ length: 6 }, () => engine.accept([form, form])))).flat();
      expect(all.filter(({ outcome }) => outcome === 'accepted')).toHaveLength(1);
      expect(new Set(all.map(({ message_id }) => message_id)).size).toBe(1);
      phone.session = all.find(({ session_id }) => session_id)!.session_id!;
      expect(await seqs(phone.session)).toEqual(upTo(round));
    }
  });

  it('texts of one phone get gapless numbers in one session, also under concurrent accepts that open it', async () => {
    const phone = await engine.phone();
    const accepted = (
      await Promise.all(upTo(30).map((n) => engine.accept(n % 3 === 0 ? [phone.form(), phone.form()] : [phone.form()])))
    ).flat();
    const sessions = new Set(accepted.map(({ session_id }) => session_id));
    expect(sessions.size).toBe(1);
    expect(await seqs(accepted[0]!.session_id!)).toEqual(upTo(40));
    expect(accepted.filter(({ ring }) => ring)).not.toHaveLength(0);
  });

  it('each (number, phone, channel) is a session of its own', async () => {
    const agent = await engine.agent();
    const phone = engine.phoneTo(await engine.number(agent));
    const other = await engine.number(agent);
    const accepted = await engine.accept([phone.form(), phone.form({ to: other }), phone.form({ channel: 'whatsapp' }), phone.form()]);
    expect(new Set(accepted.map(({ session_id }) => session_id)).size).toBe(3);
    expect(accepted[3]!.session_id).toBe(accepted[0]!.session_id);
  });

  it('a number that is not ours, was given back or is another account’s is not found, and nothing is stored', async () => {
    const stranger = await engine.cell<string>(`insert into security.accounts (name) values ('theirs') returning id`);
    const theirs = await engine.number(null, stranger);
    const given = await engine.number(null);
    await engine.sql.value('messaging.release_number', [engine.account, given, engine.now]);
    const phone = engine.phoneTo('+19990000000');
    const forms = [phone.form(), phone.form({ to: theirs }), phone.form({ to: given })];
    expect(await engine.accept(forms)).toEqual(Array(3).fill({ outcome: 'number_not_found' }));
    expect(await engine.rows('select from messaging.contacts where phone = $1', [phone.from])).toEqual([]);
    expect(
      await engine.rows('select from messaging.inbound_receipts where message_sid = any ($1)', [forms.map((form) => form.message_sid)]),
    ).toEqual([]);
    expect((await engine.accept([{ ...forms[1], account_id: stranger }]))[0]!.outcome).toBe('accepted');
  });

  it('a batch answers in its order, whatever becomes of each text', async () => {
    const [one, two] = [await engine.phone(), await engine.phone()];
    const known = one.form();
    await engine.accept([known]);
    const twice = two.form();
    const outcomes = await engine.accept([two.form({ to: '+19990000000' }), known, twice, one.form(), twice, two.form()]);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual([
      'number_not_found',
      'duplicate',
      'accepted',
      'accepted',
      'duplicate',
      'accepted',
    ]);
    expect(outcomes[4]!.message_id).toBe(outcomes[2]!.message_id);
    expect(await engine.accept([])).toEqual([]);
  });

  it('a session rings once for a batch', async () => {
    const phone = await engine.phone();
    expect((await engine.accept([phone.form(), phone.form(), phone.form()])).map(({ ring }) => ring)).toEqual([true, false, false]);
  });

  it('keywords in a batch take effect in its order, for their own phones only', async () => {
    const [one, two, three] = [await engine.phone(), await engine.phone(), await engine.phone()];
    const stop = { body: 'STOP', intent: 'opt_out', intent_source: 'keyword' };
    const accepted = await engine.accept([one.form(), two.form(stop), one.form(stop), two.form(), three.form()]);
    const statuses = await Promise.all(accepted.map(async ({ message_id }) => (await engine.message(message_id!)).status));
    expect(statuses).toEqual(['closed', 'handled', 'handled', 'held', 'waiting']);
  });

  it('one bad text of a batch fails alone: its neighbours are accepted', async () => {
    const phone = await engine.phone();
    const batcher = new Batcher<TextFields, Accepted>((forms) => engine.accept(forms));
    const results = await Promise.allSettled(
      [phone.form(), phone.form({ segments: 'many' }), phone.form()].map((form) => batcher.run(form)),
    );
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await seqs((results[0] as PromiseFulfilledResult<Accepted>).value.session_id!)).toEqual([1, 2]);
  });

  it.each([
    ['quotes and backslashes', `it's "50%" \\ \\n $1 {a,b} (c) '; drop table messaging.contacts; --`],
    ['JSON in text', '{"body": ["\\u0041", null]}'],
    ['emoji, right-to-left and combining characters', '👩‍👩‍👧 שלום e\u0301 \u202E\uFEFF\u2028'],
    ['control characters', 'a\tb\r\nc\u0001\u001f\u007f'],
    ['nothing', ''],
    ['a very long body', 'ab'.repeat(500_000)],
  ])('a body with %s comes through to the agent and back', async (_, body) => {
    const phone = await engine.phone();
    const { message_id } = await phone.text({ body, message_sid: `SM'"\\${randomUUID()}`, fields: { [body.slice(0, 200)]: body } });
    const turn = await phone.claimed();
    expect(turn.texts).toMatchObject([{ id: message_id, body }]);
    await engine.complete(turn, body);
    expect(await engine.take(message_id)).toMatchObject({ state: 'send', body });
  });

  it('each inbound segment is billed once, however often its text is delivered', async () => {
    const phone = await engine.phone();
    const form = phone.form({ segments: 3 });
    const [first] = await engine.accept([form, form]);
    await engine.accept([form]);
    expect(
      await engine.rows('select kind, quantity, account_id from billing.usage_ledger where source_id = $1', [first!.message_id]),
    ).toEqual([{ kind: 'inbound_segment', quantity: '3', account_id: engine.account }]);
  });
});
