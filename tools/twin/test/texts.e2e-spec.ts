import { createTwin } from '@darkspere/twin';
import type { Twin } from '@darkspere/twin';
import { appUnderTest, twilioClient } from './app-under-test.js';

const number = '+15550001000';
const phone = '+15557770001';
const escaped = (body: string) => `<Response><Message>${body}</Message></Response>`;

describe('a text from a phone', () => {
  let twin: Twin;
  let app: Awaited<ReturnType<typeof appUnderTest>>;

  beforeEach(async () => {
    twin = await createTwin({ webhookRetryPauseMs: 1 });
    app = await appUnderTest(twin.authToken);
    twin.setWebhook(app.webhookUrl);
  });
  afterEach(async () => {
    await twin.close();
    await app.close();
  });

  it('reaches the webhook as Twilio sends it, and the TwiML answer reaches the phone', async () => {
    app.answers(
      '<?xml version="1.0"?><Response><Message action="status-me">Fish &amp; chips &lt;3</Message><Message>second</Message></Response>',
    );
    const result = await twin.text(phone, { to: number, body: 'hi  & ünï 😀\n' });
    expect(result).toMatchObject({ http_status: 200, twiml_messages: 2, attempts: 1 });
    expect(app.texts).toHaveLength(1);
    expect(app.texts[0]?.isSigned).toBe(true);
    expect(app.texts[0]?.form).toMatchObject({
      AccountSid: twin.accountSid,
      ApiVersion: '2010-04-01',
      Body: 'hi  & ünï 😀\n',
      From: phone,
      MessageSid: result.message_sid,
      NumMedia: '0',
      NumSegments: '1',
      SmsMessageSid: result.message_sid,
      SmsSid: result.message_sid,
      SmsStatus: 'received',
      To: number,
    });
    await twin.settled();
    const received = await twin.inbox(phone);
    expect(received.map((m) => m.body)).toEqual(['Fish & chips <3', 'second']);
    expect(received[0]).toMatchObject({ via: 'twiml', from: number, in_reply_to_sid: result.message_sid });
  });

  it('answered by TwiML leaves messages in the REST API and callbacks at the action, also a relative one', async () => {
    app.answers(
      '<Response><Message action="/sms/status?id=4&amp;n=1">a</Message><Message statusCallback="status?old=1">b</Message></Response>',
    );
    await twin.text(phone, { to: number, body: 'x' });
    await twin.settled();
    const [a, b] = await twin.inbox(phone);
    expect(app.statuses(a?.sid ?? '')).toEqual(['sent', 'delivered']);
    expect(app.statuses(b?.sid ?? '')).toEqual(['sent', 'delivered']);
    expect(app.callbacks.every((callback) => callback.isSigned)).toBe(true);
    const listed = await twilioClient(twin.url, twin.accountSid, twin.authToken).messages.list({ to: phone });
    expect(listed.map((m) => [m.sid, m.direction, m.status])).toEqual([
      [b?.sid, 'outbound-reply', 'delivered'],
      [a?.sid, 'outbound-reply', 'delivered'],
    ]);
  });

  it('may send its TwiML elsewhere with to and from', async () => {
    app.answers(`<Response><Message to="+15557770002" from="+15550002000">x</Message></Response>`);
    await twin.text(phone, { to: number, body: 'x' });
    await twin.settled();
    expect(await twin.inbox(phone)).toEqual([]);
    expect(await twin.inbox('+15557770002')).toMatchObject([{ from: '+15550002000', body: 'x' }]);
  });

  it('may carry media, an opt-out type, a SID of its own and fields that nobody knows, all signed', async () => {
    await twin.text(phone, {
      to: number,
      media_urls: ['https://x.test/a.png', 'https://x.test/b'],
      opt_out_type: 'STOP',
      message_sid: `SM${'a'.repeat(32)}`,
      extra: { NewField: 'ж', Empty: '' },
    });
    expect(app.texts[0]).toMatchObject({
      isSigned: true,
      form: {
        MessageSid: `SM${'a'.repeat(32)}`,
        Body: '',
        NumMedia: '2',
        MediaUrl0: 'https://x.test/a.png',
        MediaContentType0: 'image/png',
        MediaUrl1: 'https://x.test/b',
        OptOutType: 'STOP',
        NewField: 'ж',
        Empty: '',
      },
    });
  });

  it.each(['12345', 'whatsapp:+15557770001'])('may come from %s, and is answered there', async (sender) => {
    app.answers(escaped('hello'));
    const response = await fetch(`${twin.url}/twin/phones/${encodeURIComponent(sender)}/texts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ to: sender.startsWith('whatsapp:') ? `whatsapp:${number}` : number, body: 'hi' }),
    });
    expect(await response.json()).toMatchObject({ http_status: 200, twiml_messages: 1 });
    expect(app.texts[0]).toMatchObject({ isSigned: true, form: { From: sender } });
    const inbox = await fetch(`${twin.url}/twin/phones/${sender}/messages?wait=5`);
    expect(await inbox.json()).toMatchObject({ messages: [{ to: sender, body: 'hello', via: 'twiml' }] });
  });

  it('is tried again after a 5xx and a cut connection, with the same SID and the same token', async () => {
    let attempts = 0;
    app.answers((_, reply) => {
      attempts += 1;
      if (attempts === 1) return reply.code(503).send('no');
      if (attempts === 2) return reply.raw.destroy();
      return escaped('at last');
    });
    const result = await twin.text(phone, { to: number, body: 'x' });
    expect(result).toMatchObject({ http_status: 200, attempts: 3, twiml_messages: 1 });
    expect(new Set(app.texts.map((text) => text.form['MessageSid'])).size).toBe(1);
    expect(new Set(app.texts.map((text) => text.token)).size).toBe(1);
    expect(app.texts[0]?.token).toEqual(expect.any(String));
  });

  it('is given up after the last retry, and the caller is told why', async () => {
    app.answers((_, reply) => reply.code(500).send('broken'));
    expect(await twin.text(phone, { to: number, body: 'x' })).toMatchObject({ http_status: 500, attempts: 4, error: 'HTTP 500' });
    await app.close();
    expect(await twin.text(phone, { to: number, body: 'x' })).toMatchObject({
      http_status: null,
      attempts: 4,
      error: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('is not tried again after a 4xx', async () => {
    app.answers((_, reply) => reply.code(403).send('no'));
    expect(await twin.text(phone, { to: number, body: 'x' })).toMatchObject({ http_status: 403, attempts: 1, twiml_messages: 0 });
  });

  it('is given up when the whole time is over, however slow the answer', async () => {
    await twin.close();
    twin = await createTwin({ webhookUrl: app.webhookUrl, webhookTimeoutMs: 200 });
    app.answers(() => new Promise(() => undefined));
    const result = await twin.text(phone, { to: number, body: 'x' });
    expect(result).toMatchObject({ http_status: null, attempts: 1, error: 'no answer within 200 ms' });
    expect(result.waited_ms).toBeGreaterThanOrEqual(190);
  });

  it('with an answer that is no TwiML brings nothing to the phone', async () => {
    app.answers((_, reply) => reply.type('application/json').send('{}'));
    expect(await twin.text(phone, { to: number, body: 'x' })).toMatchObject({ http_status: 200, twiml_messages: 0 });
    app.answers('<Response><Message>broken</Response>');
    expect(await twin.text(phone, { to: number, body: 'x' })).toMatchObject({ http_status: 200, twiml_messages: 0 });
    const rejected = twin.log().filter((event) => event.type === 'twiml.rejected');
    expect(rejected.map((event) => event.code)).toEqual([12300, 12100]);
  });

  it('whose answer is too long is answered by a failed message, and the callback says so', async () => {
    app.answers(`<Response><Message action="/sms/status">${'x'.repeat(1_601)}</Message></Response>`);
    await twin.text(phone, { to: number, body: 'x' });
    await twin.settled();
    expect(await twin.inbox(phone)).toEqual([]);
    expect(app.callbacks.map(({ form }) => [form['MessageStatus'], form['ErrorCode']])).toEqual([['failed', '21617']]);
  });

  it('need not be waited for', async () => {
    let release = (): void => undefined;
    app.answers(() => new Promise((resolve) => (release = () => resolve(escaped('done')))));
    expect(await twin.text(phone, { to: number, body: 'x', wait: false })).toMatchObject({ http_status: null, attempts: 0 });
    while (app.texts.length === 0) await new Promise((resolve) => setImmediate(resolve));
    release();
    expect(await twin.inbox(phone, { wait: 5 })).toMatchObject([{ body: 'done' }]);
  });

  it('is signed for the public address when the app is known under one, and callbacks find their way back', async () => {
    await app.close();
    app = await appUnderTest(twin.authToken, 'https://sms.example.com');
    twin.setWebhook(app.webhookUrl, 'https://sms.example.com/sms/incoming#rc=2');
    app.answers('<Response><Message action="/sms/status">a</Message></Response>');
    await twin.text(phone, { to: number, body: 'x' });
    await twin.settled();
    expect(app.texts.map((text) => text.isSigned)).toEqual([true]);
    expect(app.callbacks.map((callback) => callback.isSigned)).toEqual([true, true]);
  });

  it('leaves a trail of everything that happened, in order, with times', async () => {
    app.answers('<Response><Message action="/sms/status">a</Message></Response>');
    const { message_sid: sid } = await twin.text(phone, { to: number, body: 'x' });
    await twin.settled();
    const { events } = (await (await fetch(`${twin.url}/twin/log?after=0`)).json()) as {
      events: { seq: number; at: number; type: string; sid: string }[];
    };
    expect(events.map((event) => event.type)).toEqual([
      'text.sent',
      'webhook.answered',
      'message.created',
      'message.delivered',
      'callback.sent',
      'callback.sent',
    ]);
    expect(events[0]?.sid).toBe(sid);
    expect(events.map((event) => event.seq)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(events.every((event, index) => event.at >= (events[index - 1]?.at ?? 0))).toBe(true);
    expect(await (await fetch(`${twin.url}/twin/log?after=2&limit=1`)).json()).toMatchObject({ events: [{ seq: 3 }], last_seq: 6 });
  });

  it.each([{}, { to: '' }, { to: number, bdy: 'x' }, { to: number, body: 5 }, { to: number, media_urls: Array(11).fill('x') }])(
    'that is malformed is refused (%#)',
    async (text) => {
      const response = await fetch(`${twin.url}/twin/phones/${phone}/texts`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(text),
      });
      expect(response.status).toBe(400);
      expect(app.texts).toEqual([]);
    },
  );
});
