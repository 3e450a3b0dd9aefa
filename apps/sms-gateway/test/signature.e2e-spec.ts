import { randomUUID } from 'node:crypto';
import twilio from 'twilio';
import { Gateway, NUMBER, newSid, type Form, type Signing } from './gateway.harness.js';

const THEIR_SID = `AC${'b'.repeat(32)}`;
const THEIR_TOKEN = 'token-of-another-account';
const THEIR_NUMBER = '+15550002000';

describe("the carrier's signature", () => {
  let gateway: Gateway;
  beforeAll(async () => {
    // Known to the carrier under a path of a host with a proxy before it.
    gateway = await Gateway.start({ publicBaseUrl: 'https://sms.example.com/darkspere' });
    gateway.adapter.isDeaf = true;
    const admin = await gateway.as('admin', gateway.otherAccount);
    await admin.put('/carrier-accounts', { account_sid: THEIR_SID, auth_token: THEIR_TOKEN }).expect(204);
    await admin.post('/numbers', { phone_number: THEIR_NUMBER }).expect(201);
  });
  afterAll(() => gateway?.stop());

  const stored = async (sid: string) =>
    (await gateway.rows('select 1 from messaging.message_history where message_sid = $1', [sid])).length;
  /** STOP is answered at once: what these tests ask is whether a text is taken. */
  const stop = (form: Form, signing?: Signing) => gateway.incoming({ Body: 'STOP', From: gateway.phone(), ...form }, signing);

  it.each<[string, Form]>([
    ['as the carrier sends it', {}],
    ['with empty fields', { FromCity: '', FromState: '', Zip: '' }],
    ['with fields that nobody knows', { NewField: 'x', 'Odd[name]': 'y', 'ü ñ': '& = +', toString: 't' }],
    ['with a field that comes twice', { Extra: ['b', 'a'] }],
    ['with a field that comes twice alike', { Extra: ['a', 'a'] }],
    ['with text beyond ASCII', { ProfileName: "Grüße 😀 ＡＢ\u202e O'Brien <x>" }],
    ['with line ends', { Note: 'one\r\ntwo\nthree' }],
    ['with a hundred fields', Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`F${i}`, String(i)]))],
  ])('a form %s is taken, with all its fields', async (_, fields) => {
    const MessageSid = newSid();
    const { status, type } = await stop({ MessageSid, ...fields });
    expect([status, type]).toEqual([200, 'text/xml; charset=utf-8']);
    const [message] = await gateway.rows<{ carrier_fields: object }>(
      'select carrier_fields from messaging.message_history where message_sid = $1',
      [MessageSid],
    );
    expect(message!.carrier_fields).toMatchObject(fields);
  });

  it.each<[string, Form, Signing]>([
    ['without a signature', {}, { signature: null }],
    ['with an empty one', {}, { signature: '' }],
    ['with one that is no base64', {}, { signature: '%%%' }],
    ['with two', {}, { signature: 'AAAAAAAAAAAAAAAAAAAAAAAAAAA=, AAAAAAAAAAAAAAAAAAAAAAAAAAA=' }],
    ['with a very long one', {}, { signature: 'A'.repeat(8_000) }],
    ['signed with another token', {}, { token: 'guessed' }],
    ["signed with another account's token", {}, { token: THEIR_TOKEN }],
    ["of another account signed with the environment's token", { AccountSid: THEIR_SID, To: THEIR_NUMBER }, {}],
    ['whose AccountSid nobody knows, signed with a token of its own', { AccountSid: `AC${'c'.repeat(32)}` }, { token: 'mine' }],
    ['signed for http', {}, { signedUrl: 'http://sms.example.com/darkspere/sms/incoming' }],
    ['signed for another host', {}, { signedUrl: 'https://evil.example.com/darkspere/sms/incoming' }],
    ['signed without the path prefix', {}, { signedUrl: 'https://sms.example.com/sms/incoming' }],
    ['signed with a slash at the end', {}, { signedUrl: 'https://sms.example.com/darkspere/sms/incoming/' }],
    ['signed for the other webhook', {}, { signedUrl: 'https://sms.example.com/darkspere/sms/status' }],
    ['signed with a query that was not sent', {}, { signedUrl: 'https://sms.example.com/darkspere/sms/incoming?a=1' }],
    [
      'signed for the address we listen at, with forwarding headers',
      {},
      {
        signedUrl: 'https://evil.example.com/sms/incoming',
        headers: { 'x-forwarded-host': 'evil.example.com', 'x-forwarded-proto': 'https' },
      },
    ],
  ])('a form %s is refused, and nothing is stored', async (_, fields, signing) => {
    const MessageSid = newSid();
    const { status, problem } = await stop({ MessageSid, ...fields }, signing);
    expect([status, problem().code]).toEqual([403, 'invalid_signature']);
    expect(await stored(MessageSid)).toBe(0);
  });

  it.each<[string, (form: Form) => Form]>([
    ['changed', (form) => ({ ...form, Body: 'START' })],
    ['added', (form) => ({ ...form, OptOutType: 'START' })],
    ['added, empty', (form) => ({ ...form, Empty: '' })],
    ['removed', ({ NumMedia: _removed, ...form }) => form],
    ['renamed', ({ Body: body, ...form }) => ({ ...form, body: body! })],
    ['doubled', (form) => ({ ...form, Body: ['STOP', 'START'] })],
  ])('a form in which one field was %s after it was signed is refused', async (_, tamper) => {
    const signedForm = {
      AccountSid: gateway.twin.accountSid,
      MessageSid: newSid(),
      To: NUMBER,
      From: gateway.phone(),
      Body: 'STOP',
      NumMedia: '0',
    };
    expect((await gateway.post('/sms/incoming', tamper(signedForm), { signedForm })).status).toBe(403);
    expect(await stored(signedForm.MessageSid)).toBe(0);
    expect((await gateway.post('/sms/incoming', signedForm)).status).toBe(200);
  });

  it('covers the query of the URL', async () => {
    const form = { AccountSid: gateway.twin.accountSid, MessageSid: newSid(), To: NUMBER, From: gateway.phone(), Body: 'STOP' };
    expect((await gateway.post('/sms/incoming?a=1&b=%20x', form)).status).toBe(200);
    expect((await gateway.post('/sms/incoming?a=2', form, { signedUrl: `${gateway.publicBaseUrl}/sms/incoming?a=1` })).status).toBe(403);
  });

  it("is that of the account which the form names, for that account's numbers only", async () => {
    const theirs = { AccountSid: THEIR_SID, From: gateway.phone() };
    expect((await stop({ ...theirs, To: THEIR_NUMBER }, { token: THEIR_TOKEN })).status).toBe(200);
    const ours = await stop({ ...theirs, To: NUMBER }, { token: THEIR_TOKEN });
    expect([ours.status, ours.problem().code]).toEqual([404, 'number_not_found']);
    expect((await stop({ To: THEIR_NUMBER })).status).toBe(404);
    const [contact] = await gateway.rows<{ account_id: string }>('select account_id from messaging.contacts where phone = $1', [
      theirs.From,
    ]);
    expect(contact).toEqual({ account_id: gateway.otherAccount });
  });

  it('is checked before the form, and the form before the number', async () => {
    const broken = { From: 'no\nnumber', To: '+19990000000' };
    expect((await stop(broken, { token: 'guessed' })).status).toBe(403);
    expect((await stop(broken)).status).toBe(400);
    expect((await stop({ To: '+19990000000' }, { token: 'guessed' })).status).toBe(403);
    expect((await stop({ To: '+19990000000' })).status).toBe(404);
  });

  it('a missing AccountSid, or one that nobody knows, means the environment', async () => {
    const { AccountSid: _, ...form }: Form = { AccountSid: '', MessageSid: newSid(), To: NUMBER, From: gateway.phone(), Body: 'STOP' };
    expect((await gateway.post('/sms/incoming', form)).status).toBe(200);
    for (const AccountSid of ['', `AC${'c'.repeat(32)}`, 'nobody', ['AC1', THEIR_SID]])
      expect((await stop({ AccountSid })).status).toBe(200);
  });

  it.each([
    ['with a NUL', 'AC\0'],
    ['of NULs', `AC${'\0'.repeat(32)}`],
    ['with half a surrogate pair', '\ud800'],
    ['of 500,000 characters', 'x'.repeat(500_000)],
    ['with SQL', "' or '1'='1"],
    ['that objects inherit', '__proto__'],
  ])('an AccountSid %s is refused like any other that nobody knows', async (_, sid) => {
    const { status, problem } = await stop({ AccountSid: sid }, { token: 'guessed' });
    expect([status, problem().code]).toEqual([403, 'invalid_signature']);
  });

  it('bodies that are no form are refused, and none of them is our fault', async () => {
    const sign = (params: object) =>
      twilio.getExpectedTwilioSignature(gateway.twin.authToken, `${gateway.publicBaseUrl}/sms/incoming`, params as Record<string, string>);
    const bodies: [string, string, number[]][] = [
      ['', 'application/x-www-form-urlencoded', [400]],
      ['{"AccountSid":{"a":1},"From":7}', 'application/json', [400, 403]],
      ['[1,2]', 'application/json', [400, 403]],
      ['null', 'application/json', [400, 403]],
      ['{"From":', 'application/json', [400]],
      ['<Response/>', 'text/xml', [415]],
      ['--x\r\n\r\n--x--', 'multipart/form-data; boundary=x', [415]],
      ['__proto__=x&From=y', 'application/x-www-form-urlencoded', [400]],
      ['%zz=%E0%A4%A&From=%', 'application/x-www-form-urlencoded', [400, 403]],
      [`Body=${'x'.repeat(1_100_000)}`, 'application/x-www-form-urlencoded', [413]],
    ];
    for (const [body, type, statuses] of bodies) {
      const answer = await gateway.send('/sms/incoming', body, { 'content-type': type, 'x-twilio-signature': sign({}) });
      expect(statuses).toContain(answer.status);
      expect(answer.type).toMatch(/^application\/problem\+json/);
    }
  });

  it('no path but the webhooks is known', async () => {
    for (const path of ['/', '/sms', '/sms/incoming/', '/sms/incoming/x', '/sms/Incoming', `/${randomUUID()}`]) {
      const { status, problem } = await gateway.post(path, {});
      expect([path, status, problem().code]).toEqual([path, 404, 'route_not_found']);
    }
    const { status } = await fetch(`${gateway.url}/sms/incoming`);
    expect(status).toBe(404);
  });
});
