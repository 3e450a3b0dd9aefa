import { eventually } from '@darkspere/testing';
import { Gateway, NUMBER, newSid } from './gateway.harness.js';
import { ReconcilerService } from '../src/sender/reconciler.service.js';

const BUDGET_MS = 300;
const EMPTY = '<?xml version="1.0" encoding="UTF-8"?><Response/>';

describe('a text whose answer is not there within the reply budget', () => {
  let gateway: Gateway;
  beforeAll(async () => {
    gateway = await Gateway.start({ budgetMs: BUDGET_MS });
  });
  beforeEach(() => gateway.adapter.reset());
  afterAll(() => gateway?.stop());

  const hold = () => {
    const held = Promise.withResolvers<string>();
    gateway.adapter.answer = () => held.promise;
    return held.resolve;
  };
  const received = async (phone: string) => (await gateway.twin.inbox(phone)).map(({ body, via }) => `${via}: ${body}`);
  const settled = (phone: string) =>
    eventually(async () => {
      await gateway.twin.settled();
      const messages = await gateway.messages(phone);
      expect(
        messages.filter(({ direction, status, unsettled }) => direction === 'outbound' && (status !== 'delivered' || unsettled !== 0)),
      ).toEqual([]);
      expect(messages.filter(({ direction }) => direction === 'outbound').length).toBeGreaterThan(0);
    });

  it('gets empty TwiML at the budget, and its answer by REST, once', async () => {
    const phone = gateway.phone();
    const release = hold();
    const startedAt = Date.now();
    const { status, text } = await gateway.incoming({ From: phone });
    expect([status, text]).toEqual([200, EMPTY]);
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(BUDGET_MS);
    expect(Date.now() - startedAt).toBeLessThan(BUDGET_MS + 1_000);
    release('late');
    await settled(phone);
    expect(await received(phone)).toEqual(['rest: late']);
    expect((await gateway.messages(phone))[1]).toMatchObject({ handed_via: 'rest', status: 'delivered', body: 'late' });
  });

  it('gets empty TwiML under its repeated SID too, before the answer and after it left by REST', async () => {
    const phone = gateway.phone();
    const release = hold();
    const form = { From: phone, MessageSid: newSid() };
    await gateway.incoming(form);
    expect((await gateway.incoming(form)).text).toBe(EMPTY);
    release('late');
    await settled(phone);
    expect((await gateway.incoming(form)).text).toBe(EMPTY);
    expect(await received(phone)).toEqual(['rest: late']);
  });

  it('is answered exactly once when the answer comes just about then', async () => {
    const phones = Array.from({ length: 40 }, () => gateway.phone());
    gateway.adapter.answer = async ({ texts }) => {
      await new Promise((resolve) => setTimeout(resolve, BUDGET_MS - 60 + Number(texts[0]!.body) * 3));
      return `answer ${texts[0]!.body}`;
    };
    await Promise.all(phones.map((phone, i) => gateway.twin.text(phone, { to: NUMBER, body: String(i) })));
    await Promise.all(phones.map((phone) => settled(phone)));
    const all = await Promise.all(phones.map(async (phone) => (await gateway.twin.inbox(phone)).map(({ body }) => body)));
    expect(all).toEqual(phones.map((_, i) => [`answer ${i}`]));
  });

  it('leaves answers in the order of the texts, whichever way each goes', async () => {
    const phone = gateway.phone();
    const release = hold();
    await gateway.incoming({ From: phone, Body: 'one' });
    const two = gateway.incoming({ From: phone, Body: 'two' });
    await eventually(async () => expect(await gateway.messages(phone)).toHaveLength(2));
    gateway.adapter.answer = () => 'second';
    release('first');
    await two;
    await eventually(async () => expect(await gateway.twin.inbox(phone)).toHaveLength(2));
    expect((await gateway.twin.inbox(phone)).map(({ body }) => body)).toEqual(['first', 'second']);
  });

  it('loses nothing when the carrier hangs up before the answer', async () => {
    const phone = gateway.phone();
    const release = hold();
    const hungUp = new AbortController();
    const form = gateway.signed('/sms/incoming', {
      AccountSid: gateway.twin.accountSid,
      MessageSid: newSid(),
      From: phone,
      To: NUMBER,
      Body: 'Hi',
    });
    const webhook = fetch(`${gateway.url}/sms/incoming`, { method: 'POST', ...form, signal: hungUp.signal });
    await eventually(() => expect(gateway.adapter.turns).toHaveLength(1));
    hungUp.abort();
    await expect(webhook).rejects.toThrow();
    release('for nobody');
    // Whichever took it: the webhook that nobody reads, or the sender.
    const answer = await eventually(async () => {
      const [, message] = await gateway.messages(phone);
      expect(message).toMatchObject({ handed_via: expect.stringMatching(/twiml|rest/) });
      return message!;
    });
    if (answer.handed_via === 'twiml') await gateway.handedOutLongAgo(phone);
    await gateway.app.get(ReconcilerService).look();
    await settled(phone);
    expect(await received(phone)).toEqual(['rest: for nobody']);
  });

  it('whose answer never comes waits, and the session goes on when its turn has ended', async () => {
    const phone = gateway.phone();
    const release = hold();
    expect((await gateway.incoming({ From: phone })).text).toBe(EMPTY);
    expect((await gateway.messages(phone))[0]).toMatchObject({ status: 'waiting' });
    release('at last');
    await settled(phone);
    gateway.adapter.answer = () => 'quick';
    expect((await gateway.incoming({ From: phone })).text).toContain('>quick</Message>');
  });

  it('is answered, too, by a gateway that is just closing', async () => {
    const phone = gateway.phone();
    const release = hold();
    const waiting = gateway.incoming({ From: phone });
    await eventually(() => expect(gateway.adapter.turns).toHaveLength(1));
    const closed = gateway.close();
    release('just in time');
    const { status, text } = await waiting;
    expect([status, text]).toEqual([200, expect.stringContaining('>just in time</Message>')]);
    await closed;
  });
});
