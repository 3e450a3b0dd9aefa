import { createTwin } from '@darkspere/twin';
import type { Faults, Twin } from '@darkspere/twin';
import { appUnderTest, twilioClient } from './app-under-test.js';

const number = '+15550001000';
const phone = '+15557770001';
const reply = '<Response><Message action="/sms/status">ok</Message></Response>';

describe('a fault on demand', () => {
  let twin: Twin;
  let app: Awaited<ReturnType<typeof appUnderTest>>;
  const create = (options = {}) =>
    twilioClient(twin.url, twin.accountSid, twin.authToken, options).messages.create({
      to: phone,
      from: number,
      body: 'x',
      statusCallback: `${app.origin}/sms/status`,
    });
  const answered = async (faults: Partial<Faults>) => {
    twin.faults(faults);
    app.answers(reply);
    const { message_sid: sid } = await twin.text(phone, { to: number, body: 'x' });
    await twin.settled();
    return sid;
  };

  beforeEach(async () => {
    twin = await createTwin();
    app = await appUnderTest(twin.authToken);
    twin.setWebhook(app.webhookUrl);
  });
  afterEach(async () => {
    await twin.close();
    await app.close();
  });

  it('is set and read over HTTP, and what is left out is off again', async () => {
    const put = (faults: unknown) =>
      fetch(`${twin.url}/twin/faults`, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(faults) });
    expect(await (await put({ rest_delay_ms: 5, seed: 9 })).json()).toMatchObject({ rest_delay_ms: 5, rest_error_rate: 0, seed: 9 });
    expect(await (await fetch(`${twin.url}/twin/faults`)).json()).toMatchObject({ rest_delay_ms: 5 });
    expect((await put({ rest_delay: 5 })).status).toBe(400);
    expect(await (await put({})).json()).toMatchObject({ rest_delay_ms: 0, seed: 1 });
  });

  it('rest_error_rate answers 500 and accepts nothing', async () => {
    twin.faults({ rest_error_rate: 1 });
    await expect(create()).rejects.toMatchObject({ status: 500, code: 20500 });
    await twin.settled();
    expect(await twin.inbox(phone)).toEqual([]);
  });

  it('rest_429_rate answers 429, which a client may try again', async () => {
    twin.faults({ rest_429_rate: 0.5, seed: 3 });
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => create()));
    const refused = results.filter((result) => result.status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]).toMatchObject({ reason: { status: 429, code: 20429 } });
    await twin.settled();
    expect(await twin.inbox(phone)).toHaveLength(8 - refused.length);
  });

  it('rest_accept_then_drop_rate delivers the message although its caller never hears of it', async () => {
    twin.faults({ rest_accept_then_drop_rate: 1 });
    await expect(create()).rejects.toThrow(/socket hang up|ECONNRESET/);
    await twin.settled();
    expect(await twin.inbox(phone)).toHaveLength(1);
    expect(app.callbacks).toHaveLength(2);
    twin.faults({});
    const listed = await twilioClient(twin.url, twin.accountSid, twin.authToken).messages.list({ to: phone });
    expect(listed).toHaveLength(1);
  });

  it('rest_delay_ms makes the answer late, and the message goes out although the caller has gone', async () => {
    twin.faults({ rest_delay_ms: 150 });
    await expect(create({ timeout: 40 })).rejects.toThrow(/timeout/);
    expect(await twin.inbox(phone, { wait: 5 })).toHaveLength(1);
  });

  it('callback_drop_rate loses callbacks', async () => {
    await answered({ callback_drop_rate: 1 });
    expect(app.callbacks).toEqual([]);
    expect(await twin.inbox(phone)).toHaveLength(1);
  });

  it('callback_duplicate_rate repeats callbacks', async () => {
    await answered({ callback_duplicate_rate: 1 });
    expect(app.callbacks.map(({ form }) => form['MessageStatus'])).toEqual(['sent', 'sent', 'delivered', 'delivered']);
  });

  it('callback_reorder_rate calls back delivered before sent', async () => {
    await answered({ callback_reorder_rate: 1 });
    expect(app.callbacks.map(({ form }) => form['MessageStatus'])).toEqual(['delivered', 'sent']);
  });

  it('callback_delay_ms makes callbacks late, not messages', async () => {
    twin.faults({ callback_delay_ms: 200 });
    app.answers(reply);
    await twin.text(phone, { to: number, body: 'x' });
    expect(await twin.inbox(phone, { wait: 5 })).toHaveLength(1);
    expect(app.callbacks).toEqual([]);
    await twin.settled();
    expect(app.callbacks).toHaveLength(2);
  });

  it('delivery_fail_rate calls back undelivered with 30003 and keeps the phone silent', async () => {
    await answered({ delivery_fail_rate: 1 });
    expect(await twin.inbox(phone)).toEqual([]);
    expect(app.callbacks.map(({ form }) => [form['MessageStatus'], form['ErrorCode']])).toEqual([
      ['sent', undefined],
      ['undelivered', '30003'],
    ]);
    const [failed] = await twilioClient(twin.url, twin.accountSid, twin.authToken).messages.list({ to: phone });
    expect(failed).toMatchObject({ status: 'undelivered', errorCode: 30003 });
  });

  it.each([1, 2, 3, 4, 5, 6])('webhook_duplicate_rate brings the same SID twice, beside or behind the first (seed %i)', async (seed) => {
    const sid = await answered({ webhook_duplicate_rate: 1, seed });
    expect(app.texts.map(({ form }) => form['MessageSid'])).toEqual([sid, sid]);
    expect(app.texts.every(({ isSigned }) => isSigned)).toBe(true);
    // An app that answers both is caught: the carrier hands both answers to the phone.
    expect(await twin.inbox(phone)).toHaveLength(2);
  });

  it('carrier_opt_out makes the carrier answer STOP itself and refuse the rest with 21610 until START', async () => {
    twin.faults({ carrier_opt_out: true });
    await twin.text(phone, { to: number, body: ' stop ' });
    expect(app.texts).toHaveLength(1);
    expect(await twin.inbox(phone)).toMatchObject([{ via: 'carrier' }]);
    await expect(create()).rejects.toMatchObject({ status: 400, code: 21610 });
    app.answers(reply);
    await twin.text(phone, { to: number, body: 'stop please' });
    await twin.settled();
    expect(app.callbacks.map(({ form }) => [form['MessageStatus'], form['ErrorCode']])).toEqual([['failed', '21610']]);
    app.answers('<Response/>');
    await twin.text(phone, { to: number, body: 'START' });
    await expect(create()).resolves.toMatchObject({ status: 'queued' });
  });

  it('carrier_opt_out holds for the number that was texted, not for others', async () => {
    twin.faults({ carrier_opt_out: true });
    await twin.text(phone, { to: '+15550002000', body: 'STOP' });
    await expect(create()).resolves.toMatchObject({ status: 'queued' });
  });
});
