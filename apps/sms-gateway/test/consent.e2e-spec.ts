import { eventually } from '@darkspere/testing';
import { Gateway, NUMBER, newSid, type Caller } from './gateway.harness.js';

const EMPTY = '<?xml version="1.0" encoding="UTF-8"?><Response/>';
const STOPPED = 'You are unsubscribed and will receive no more messages. Reply START to resubscribe.';
const STARTED = 'You are subscribed again. Reply HELP for help or STOP to unsubscribe.';
const HELP = 'You are texting with an AI assistant. Msg &amp; data rates may apply. Reply STOP to unsubscribe.';

describe('what a person says about the channel itself', () => {
  let gateway: Gateway;
  let writer: Caller;
  let phone: string;
  beforeAll(async () => {
    gateway = await Gateway.start();
    writer = await gateway.as('write');
  });
  beforeEach(() => {
    gateway.adapter.reset();
    phone = gateway.phone();
  });
  afterAll(() => gateway?.stop());

  /** The body of the TwiML's message, or null for none. */
  const say = async (Body: string, fields = {}): Promise<string | null> => {
    const { status, text } = await gateway.incoming({ From: phone, Body, ...fields });
    expect(status).toBe(200);
    return text === EMPTY ? null : (/>([^<]*)<\/Message>/.exec(text)?.[1] ?? text);
  };
  const ledger = async (): Promise<Record<string, unknown>[]> =>
    (await writer.get(`/consents?phone=${encodeURIComponent(phone)}`).expect(200)).body.consents;
  const send = (body = 'News', purpose = 'marketing') => writer.post('/messages', { from: NUMBER, to: phone, body, purpose });
  const asked = () => gateway.adapter.turns.flatMap(({ texts }) => texts.map(({ body }) => body));

  it('STOP is confirmed once; then nothing is answered, asked or sent', async () => {
    expect(await say('Stop!')).toBe(STOPPED);
    expect(await say('STOP')).toBeNull();
    expect(await say('Hello?')).toBeNull();
    expect(asked()).toEqual([]);
    const { status, body } = await send();
    expect([status, body.code, body.errors.rule]).toEqual([409, 'send_refused', 'opted_out']);
    expect((await gateway.messages(phone)).map(({ direction, status, purpose }) => [direction, status, purpose])).toEqual([
      ['inbound', 'handled', null],
      ['outbound', expect.stringMatching(/handed_out|sent|delivered/), 'confirmation'],
      ['inbound', 'handled', null],
      ['inbound', 'held', null],
      ['outbound', 'refused', 'marketing'],
    ]);
  });

  it('START undoes it', async () => {
    await say('STOP');
    expect(await say('start')).toBe(STARTED);
    expect(await say('Hello?')).toBe('echo: Hello?');
    expect((await send()).status).toBe(202);
    await eventually(async () => expect((await gateway.twin.inbox(phone)).map(({ body }) => body)).toContain('News'));
  });

  it('YES undoes it only for who is opted out; else it is an answer to the agent', async () => {
    expect(await say('YES')).toBe('echo: YES');
    await say('STOP');
    expect(await say('yes')).toBe(STARTED);
    expect(await say('Yes')).toBe('echo: Yes');
    expect((await ledger()).map(({ action }) => action)).toEqual(['opt_in', 'opt_out']);
  });

  it('HELP and INFO are answered without an agent, also to who is opted out', async () => {
    expect(await say('HELP')).toBe(HELP);
    await say('STOP');
    expect(await say('info')).toBe(HELP);
    expect(asked()).toEqual([]);
    expect(await ledger()).toHaveLength(1);
  });

  it.each(['please stop texting me', 'Don’t text me again!', 'REVOKE', 'opt out', 'ＳＴＯＰ', '"Stop."'])(
    '%j is an opt-out',
    async (body) => {
      expect(await say(body)).toBe(STOPPED);
      expect(asked()).toEqual([]);
    },
  );

  it.each(['Can I stop by tomorrow?', 'do not stop', 'I cannot start the car', 'help me choose'])('%j is for the agent', async (body) => {
    expect(await say(body)).toBe(`echo: ${body}`);
    expect(await ledger()).toEqual([]);
  });

  it('OptOutType decides whatever the words say, and the carrier has answered already', async () => {
    expect(await say('Bitte nicht mehr', { OptOutType: 'STOP' })).toBeNull();
    expect((await send()).body.errors.rule).toBe('opted_out');
    expect(await say('Weiter', { OptOutType: 'START' })).toBeNull();
    expect(await say('STOP', { OptOutType: 'HELP' })).toBeNull();
    expect((await send()).status).toBe(202);
    expect(asked()).toEqual([]);
    expect((await ledger()).map(({ action, source, exact_text }) => [action, source, exact_text])).toEqual([
      ['opt_in', 'carrier', 'Weiter'],
      ['opt_out', 'carrier', 'Bitte nicht mehr'],
    ]);
    expect((await gateway.messages(phone)).filter(({ purpose }) => purpose === 'confirmation')).toEqual([]);
  });

  it('an OptOutType that nobody knows leaves the words to decide', async () => {
    expect(await say('Hello', { OptOutType: 'PAUSE' })).toBe('echo: Hello');
    expect(await say('STOP', { OptOutType: '' })).toBe(STOPPED);
    expect(await say('START', { OptOutType: '__proto__' })).toBe(STARTED);
  });

  it('the ledger says who said what, when and through which door, newest first', async () => {
    const before = Date.now();
    await say('leave me alone');
    await say('UNSTOP');
    const entries = await ledger();
    const [question] = await gateway.messages(phone);
    expect(entries).toEqual([
      {
        consent_id: expect.any(String),
        action: 'opt_in',
        purpose: 'all',
        source: 'keyword',
        exact_text: 'UNSTOP',
        message_id: expect.any(String),
        at: expect.any(String),
      },
      {
        consent_id: expect.any(String),
        action: 'opt_out',
        purpose: 'all',
        source: 'plain_language',
        exact_text: 'leave me alone',
        message_id: question!.id,
        at: expect.any(String),
      },
    ]);
    for (const { at } of entries) expect(Date.parse(at as string)).toBeGreaterThanOrEqual(before);
  });

  it("the ledger is the account's own", async () => {
    await say('STOP');
    const stranger = await gateway.as('admin', gateway.otherAccount);
    expect((await stranger.get(`/consents?phone=${encodeURIComponent(phone)}`)).body).toEqual({ consents: [] });
    expect((await writer.get('/consents')).body.errors).toMatchObject([{ field: 'phone' }]);
    expect((await (await gateway.as(null)).get('/consents?phone=x')).status).toBe(401);
  });

  it('STOP while the agent thinks: its answer is kept and never sent, the webhooks that wait get nothing', async () => {
    const begun = Promise.withResolvers<void>();
    const held = Promise.withResolvers<string>();
    gateway.adapter.answer = () => (begun.resolve(), held.promise);
    const first = say('Hello');
    await begun.promise;
    const second = say('Still there?');
    await eventually(async () => expect(await gateway.messages(phone)).toHaveLength(2));
    expect(await say('STOP')).toBe(STOPPED);
    held.resolve('too late');
    expect(await Promise.all([first, second])).toEqual([null, null]);
    await eventually(async () =>
      expect((await gateway.messages(phone)).at(-1)).toMatchObject({ body: 'too late', status: 'fenced', handed_via: null, unsettled: 0 }),
    );
    await gateway.twin.settled();
    expect(await gateway.twin.inbox(phone)).toEqual([]);
    gateway.adapter.answer = () => 'welcome back';
    await say('START');
    expect(await say('Hi again')).toBe('welcome back');
  });

  it('STOP holds for every number of the account, and for no other account', async () => {
    await writer.post('/numbers', { phone_number: '+15550004000' }).expect(201);
    await say('STOP');
    expect(await say('Hello', { To: '+15550004000' })).toBeNull();
    const stranger = await gateway.as('admin', gateway.otherAccount);
    await stranger.post('/numbers', { phone_number: '+15550005000' }).expect(201);
    expect((await stranger.post('/messages', { from: '+15550005000', to: phone, body: 'Hi', purpose: 'marketing' })).status).toBe(202);
  });

  it('the same STOP eight times is one entry, and one among other texts is the last word', async () => {
    const form = { From: phone, Body: 'STOP', MessageSid: newSid() };
    const answers = await Promise.all(Array.from({ length: 8 }, () => gateway.incoming(form)));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(await ledger()).toHaveLength(1);

    phone = gateway.phone();
    const texts = (name: string) => Array.from({ length: 5 }, (_, i) => say(`${name} ${i}`));
    const stopped = [...texts('text'), say('STOP').then(() => Date.now()), ...texts('more')] as const;
    const stoppedAt = Number((await Promise.all(stopped))[5]);
    await gateway.twin.settled();
    expect((await send()).status).toBe(409);
    const sent = await gateway.rows<{ at: Date }>(
      `select d.decided_at as at from messaging.send_decisions d join messaging.message_history m on m.id = d.message_id join messaging.contacts c on c.id = m.contact_id
       where c.phone = $1 and d.verdict = 'allow' and m.purpose = 'reply'`,
      [phone],
    );
    for (const { at } of sent) expect(at.getTime()).toBeLessThanOrEqual(stoppedAt);
  });

  it('an opt-out that only the carrier knew of is taken over when it refuses (21610)', async () => {
    phone = '+15005550004';
    const { body } = await send().expect(202);
    await eventually(async () =>
      expect((await writer.get(`/messages/${body.message_id}`)).body).toMatchObject({ status: 'failed', error_code: '21610' }),
    );
    expect(await ledger()).toMatchObject([{ action: 'opt_out', source: 'carrier_error', message_id: body.message_id }]);
    expect((await send()).body.errors.rule).toBe('opted_out');
    expect(await gateway.rows(`select 1 from analytics.system_alerts where subject = '21610'`)).toEqual([]);
  });
});
