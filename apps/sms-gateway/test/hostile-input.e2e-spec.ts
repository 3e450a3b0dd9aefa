import { randomUUID } from 'node:crypto';
import { Gateway, NUMBER, newSid, type Caller, type Form } from './gateway.harness.js';

/** What senders try, in any field. None of it may be our fault, or reach the log. */
const HOSTILE: [string, string][] = [
  ['NUL bytes', 'a\0b\0'],
  ['half a surrogate pair', 'a\ud800b\udfff'],
  ['SQL and JSON', `'; drop table messaging.message_history; -- $$ || (select version()) || $$ \\' %s :1 $1 {"$gt":""}`],
  [
    'TwiML and templates',
    '</Message><Redirect>http://evil.example.com</Redirect><Message> ${jndi:ldap://evil.example.com/a} {{7*7}} <%= 7 %> \u202e',
  ],
  ['line ends and terminal controls', 'x\r\nX-Injected: 1\r\n\r\n{"level":"fatal","msg":"forged"}\u001b[2J\u001b]0;owned\u0007'],
  ['a name that objects inherit', '__proto__'],
  ['nothing', ''],
  ['a number', '1e309'],
  ['100 kB', 'é'.repeat(50_000)],
];
/** In each form there is one, so that its whereabouts can be told. */
const SECRET_WORDS = 'my-pin-is-4711';

describe('hostile input', () => {
  let gateway: Gateway;
  let admin: Caller;
  beforeAll(async () => {
    gateway = await Gateway.start({ budgetMs: 500 });
    admin = await gateway.as('admin');
  });
  beforeEach(() => gateway.adapter.reset());
  afterAll(() => gateway?.stop());

  const FIELDS = [
    'From',
    'To',
    'Body',
    'MessageSid',
    'SmsSid',
    'NumMedia',
    'MediaUrl0',
    'MediaContentType0',
    'OptOutType',
    'AccountSid',
    'FromCity',
    'NewField',
  ];

  it.each(HOSTILE)('%s in any field of a signed form is taken or refused, never our fault', async (_, value) => {
    const form = { Body: SECRET_WORDS, NumMedia: '1', MediaUrl0: 'https://m.example.com/1' };
    const answers = await Promise.all(
      FIELDS.map((field, i) => gateway.incoming({ ...form, From: gateway.phone(), [field]: i % 2 ? value : [value, value] })),
    );
    for (const { status } of answers) expect([200, 400, 404]).toContain(status);
    const { status } = await gateway.incoming({ From: gateway.phone(), Body: 'STOP', [value.slice(0, 100)]: 'as a name' });
    expect([200, 400]).toContain(status);
  });

  it.each(HOSTILE)('%s in an unsigned form is refused', async (_, value) => {
    const forms = FIELDS.map((field): Form => ({
      AccountSid: gateway.twin.accountSid,
      MessageSid: newSid(),
      From: gateway.phone(),
      To: NUMBER,
      Body: SECRET_WORDS,
      [field]: value,
    }));
    const answers = await Promise.all(
      forms.flatMap((form) => [
        gateway.post('/sms/incoming', form, { signature: 'AAAA' }),
        gateway.post('/sms/status', form, { signature: value.replace(/[^ -~]/g, '').slice(0, 1_000) }),
      ]),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 403));
  });

  it.each(HOSTILE)('%s in an API request is taken or refused, never our fault', async (_, value) => {
    const phone = gateway.phone();
    const message = { from: NUMBER, to: phone, body: SECRET_WORDS, purpose: 'marketing' };
    const bodies: [string, object | string][] = [
      ['/messages', { ...message, body: value }],
      ['/messages', { ...message, to: value }],
      ['/messages', { ...message, from: value }],
      ['/messages', { ...message, purpose: value }],
      ['/messages', { ...message, media_urls: [value] }],
      ['/messages', { ...message, media_urls: [`https://m.example.com/${value}`] }],
      ['/messages', { ...message, [value.slice(0, 100)]: 1 }],
      ['/messages', value],
      ['/numbers', { phone_number: value }],
      ['/numbers', { phone_number: '+15558889999', agent_id: value }],
    ];
    const encoded = encodeURIComponent(value.toWellFormed());
    const paths = [
      `/messages?phone=${encoded.slice(0, 5_000)}`,
      `/messages?before=${encoded.slice(0, 5_000)}`,
      `/messages?limit=${encoded.slice(0, 5_000)}`,
      `/consents?phone=${encoded.slice(0, 5_000)}`,
      `/messages/${encoded.slice(0, 5_000)}`,
      `/numbers/${encoded.slice(0, 150)}`,
    ];
    const answers = [
      ...(await Promise.all(bodies.map(([path, body]) => admin.post(path, body)))),
      ...(await Promise.all(
        bodies
          .slice(0, 2)
          .map(([path, body]) =>
            admin.post(path, body).set('idempotency-key', `${value.replace(/[^ -~]/g, '').slice(0, 200)}${randomUUID()}`),
          ),
      )),
      ...(await Promise.all(paths.map((path) => admin.get(path)))),
      await admin.delete(`/numbers/${encoded.slice(0, 150)}`),
      await admin.put('/carrier-accounts', { account_sid: value, auth_token: value }),
      await admin.put('/carrier-accounts', { account_sid: `AC${'7'.repeat(32)}`, auth_token: value }),
    ];
    for (const { status, headers } of answers) {
      expect([200, 201, 202, 204, 400, 404, 409, 414]).toContain(status);
      expect(headers['content-type'] ?? '').not.toMatch(/html/);
    }
  });

  it('what an agent says cannot break out of the TwiML, whatever it is', async () => {
    for (const [, value] of HOSTILE.filter(([, text]) => text.length < 1_000)) {
      gateway.adapter.answer = () => `said: ${value}`;
      const { status, text } = await gateway.incoming({ From: gateway.phone() });
      expect(status).toBe(200);
      expect(text.match(/<\w+/g)).toEqual(['<Response', '<Message']);
    }
  });

  it('headers are as harmless', async () => {
    const headers = {
      traceparent: `00-${"'".repeat(32)}-x-01`,
      'x-forwarded-for': '${jndi:ldap://x}',
      'user-agent': '<script>',
      'x-request-id': 'a'.repeat(4_000),
      'i-twilio-idempotency-token': "' or 1=1",
    };
    expect((await gateway.incoming({ From: gateway.phone() }, { headers })).status).toBe(200);
  });

  it('no answer is a rate limit', async () => {
    const answers = await Promise.all(Array.from({ length: 60 }, () => gateway.incoming({ From: '+15557776666', Body: 'STOP' })));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  });

  it('the tables are all there, and the log has no word of a text, no phone number and no key', async () => {
    // Something that does get logged: a carrier that cannot be reached.
    gateway.twin.faults({ rest_error_rate: 1 });
    const phone = gateway.phone();
    await admin.post('/messages', { from: NUMBER, to: phone, body: SECRET_WORDS, purpose: 'marketing' }).expect(202);
    await gateway.twin.settled();
    await gateway.handedOutLongAgo(phone);
    const { ReconcilerService } = await import('../src/sender/reconciler.service.js');
    await gateway.app.get(ReconcilerService).look();
    const log = gateway.log.join('');
    expect(log).toMatch(/carrier|looked up/);
    for (const line of gateway.log)
      expect(JSON.parse(line)).toMatchObject({ app: 'sms-gateway', level: expect.stringMatching(/^(trace|debug|info|warn)$/) });
    for (const secret of [SECRET_WORDS, admin.key!, gateway.twin.authToken, 'evil.example.com', 'drop table', 'forged'])
      expect(log).not.toContain(secret);
    expect(log).not.toMatch(/\+?1555\d{7}/);
    expect(await gateway.rows('select 1 from messaging.message_history limit 1')).toHaveLength(1);
  });
});
