import { createTwin } from '@darkspere/twin';
import type { Twin } from '@darkspere/twin';
import { appUnderTest, twilioClient } from './app-under-test.js';

const number = '+15550001000';
const phone = '+15557770001';

describe('the carrier, to the twilio package', () => {
  let twin: Twin;
  let app: Awaited<ReturnType<typeof appUnderTest>>;
  let client: ReturnType<typeof twilioClient>;

  beforeAll(async () => {
    twin = await createTwin();
    app = await appUnderTest(twin.authToken);
    twin.setWebhook(app.webhookUrl);
    client = twilioClient(twin.url, twin.accountSid, twin.authToken);
  });
  afterAll(async () => {
    await twin.close();
    await app.close();
  });

  it('takes a message, answers queued, delivers it and calls back sent then delivered, signed', async () => {
    const statusCallback = `${app.origin}/sms/status?id=7&x=a%20b`;
    const message = await client.messages.create({ to: phone, from: number, body: 'hello', statusCallback });
    expect(message).toMatchObject({
      status: 'queued',
      direction: 'outbound-api',
      numSegments: '1',
      numMedia: '0',
      errorCode: null,
      dateSent: null,
    });
    expect(message.sid).toMatch(/^SM[0-9a-f]{32}$/);
    expect(Math.abs(message.dateCreated.getTime() - Date.now())).toBeLessThan(5_000);
    await twin.settled();
    expect((await twin.inbox(phone)).at(-1)).toMatchObject({ sid: message.sid, from: number, body: 'hello', via: 'rest' });
    expect(app.statuses(message.sid)).toEqual(['sent', 'delivered']);
    expect(app.callbacks.every((callback) => callback.isSigned)).toBe(true);
    expect(app.callbacks.at(-1)?.form).toEqual({
      AccountSid: twin.accountSid,
      ApiVersion: '2010-04-01',
      From: number,
      MessageSid: message.sid,
      MessageStatus: 'delivered',
      SmsSid: message.sid,
      SmsStatus: 'delivered',
      To: phone,
    });
    const fetched = await client.messages(message.sid).fetch();
    expect(fetched).toMatchObject({ sid: message.sid, status: 'delivered', to: phone });
    expect(fetched.dateSent).toBeInstanceOf(Date);
  });

  it('keeps each of several media', async () => {
    const mediaUrl = ['https://x.test/a.png', 'https://x.test/b.png?c=1&d=2'];
    const message = await client.messages.create({ to: phone, from: number, mediaUrl });
    await twin.settled();
    expect(message.numMedia).toBe('2');
    expect((await twin.inbox(phone)).at(-1)?.media_urls).toEqual(mediaUrl);
  });

  it('counts segments as it would bill them', async () => {
    const message = await client.messages.create({ to: phone, from: number, body: '😀'.repeat(36) });
    expect(message).toMatchObject({ numSegments: '2', body: '😀'.repeat(36) });
  });

  it.each(
    [
      [{ to: '5551234', from: number, body: 'x' }, 21211],
      [{ to: '+0123', from: number, body: 'x' }, 21211],
      [{ to: '+15005550001', from: number, body: 'x' }, 21211],
      [{ to: '+15005550009', from: number, body: 'x' }, 21614],
      [{ to: phone, from: 'not a number!', body: 'x' }, 21212],
      [{ to: phone, body: 'x' }, 21603],
      [{ to: phone, from: number }, 21602],
      [{ to: phone, from: number, body: 'x'.repeat(1_601) }, 21617],
      [{ to: phone, from: number, body: 'x', statusCallback: '/sms/status' }, 21609],
    ].map(([message, code]) => [code, message] as const),
  )('refuses with %i and delivers nothing', async (code, message) => {
    const { seq = 0 } = (await twin.inbox(phone)).at(-1) ?? {};
    await expect(client.messages.create(message as never)).rejects.toMatchObject({
      status: 400,
      code,
      moreInfo: `https://www.twilio.com/docs/errors/${code}`,
    });
    await twin.settled();
    expect(await twin.inbox(phone, { after: seq })).toEqual([]);
  });

  it('takes a body of exactly 1600 characters', async () => {
    await expect(client.messages.create({ to: phone, from: number, body: 'x'.repeat(1_600) })).resolves.toMatchObject({
      numSegments: '11',
    });
  });

  it('lets nobody in with a wrong token or under another account', async () => {
    const stranger = twilioClient(twin.url, twin.accountSid, 'wrong');
    await expect(stranger.messages.create({ to: phone, from: number, body: 'x' })).rejects.toMatchObject({ status: 401, code: 20003 });
    await expect(client.api.v2010.accounts(`AC${'f'.repeat(32)}`).messages.list()).rejects.toMatchObject({ status: 404, code: 20404 });
  });

  it('answers 404 for a message it does not know', async () => {
    await expect(client.messages(`SM${'0'.repeat(32)}`).fetch()).rejects.toMatchObject({ status: 404, code: 20404 });
  });

  it('lists newest first, by recipient, sender and date', async () => {
    const to = '+15557770077';
    const sids: string[] = [];
    for (const body of ['a', 'b', 'c']) sids.unshift((await client.messages.create({ to, from: number, body })).sid);
    await twin.settled();
    const list = async (filter: object) => (await client.messages.list({ to, ...filter })).map((message) => message.sid);
    const ago = (seconds: number) => new Date(Date.now() - seconds * 1_000);
    expect(await list({})).toEqual(sids);
    expect(await list({ from: number })).toEqual(sids);
    expect(await list({ from: '+15550009999' })).toEqual([]);
    expect(await list({ dateSentAfter: ago(30), dateSentBefore: ago(-30) })).toEqual(sids);
    expect(await list({ dateSentAfter: ago(-30) })).toEqual([]);
    expect(await list({ dateSentBefore: ago(30) })).toEqual([]);
    const today = new Date().toISOString().slice(0, 10);
    expect(await list({ dateSent: today as never })).toEqual(sids);
    expect(await list({ dateSent: '2020-01-01' as never })).toEqual([]);
  });

  it('pages without skipping or repeating, also while new messages come in', async () => {
    const to = '+15557770088';
    const bodies = Array.from({ length: 7 }, (_, index) => `m${index}`);
    for (const body of bodies) await client.messages.create({ to, from: number, body });
    const first = await client.messages.page({ to, pageSize: 3 });
    await client.messages.create({ to, from: number, body: 'late' });
    const second = await first.nextPage();
    const third = await second?.nextPage();
    expect([first, second, third].map((page) => page?.instances.map((m) => m.body))).toEqual([
      ['m6', 'm5', 'm4'],
      ['m3', 'm2', 'm1'],
      ['m0'],
    ]);
    expect(third?.nextPageUrl).toBeUndefined();
    expect((await client.messages.list({ to, pageSize: 2 })).map((m) => m.body)).toEqual(['late', ...bodies.toReversed()]);
  });

  it('still delivers when nobody takes the callbacks, and tries those again', async () => {
    const gone = await appUnderTest(twin.authToken);
    await gone.close();
    const { seq } = twin.log().at(-1) ?? { seq: 0 };
    const message = await client.messages.create({ to: phone, from: number, body: 'x', statusCallback: `${gone.origin}/sms/status` });
    await twin.settled();
    expect((await twin.inbox(phone)).at(-1)?.sid).toBe(message.sid);
    expect(twin.log(seq).filter((event) => event.type === 'callback.failed' && event.status === 'sent').length).toBeGreaterThan(1);
  }, 15_000);
});
