import { randomUUID } from 'node:crypto';
import { eventually } from '@darkspere/testing';
import { Gateway, NUMBER, type Caller } from './gateway.harness.js';

const THEIR_NUMBER = '+15550002000';

describe('/api/v1/messages', () => {
  let gateway: Gateway;
  let writer: Caller;
  let stranger: Caller;
  let phone: string;
  beforeAll(async () => {
    gateway = await Gateway.start();
    writer = await gateway.as('write');
    stranger = await gateway.as('admin', gateway.otherAccount);
    await stranger.post('/numbers', { phone_number: THEIR_NUMBER }).expect(201);
  });
  beforeEach(() => {
    gateway.adapter.reset();
    phone = gateway.phone();
  });
  afterAll(() => gateway?.stop());

  const news = (changes: object = {}) => ({ from: NUMBER, to: phone, body: 'News', purpose: 'marketing', ...changes });
  const list = async (query: string, caller = writer) =>
    (await caller.get(`/messages?${query}`).expect(200)).body as { messages: Record<string, unknown>[]; next_before: string | null };
  const of = (number: string) => `phone=${encodeURIComponent(number)}`;

  describe('POST', () => {
    it('takes a message that the gate lets pass, and it arrives', async () => {
      const { status, body } = await writer.post('/messages', news());
      expect([status, body]).toEqual([
        202,
        {
          message_id: expect.any(String),
          status: 'pending',
          decision: { decision_id: expect.any(String), verdict: 'allow', rule: 'none' },
        },
      ]);
      await eventually(async () => expect((await writer.get(`/messages/${body.message_id}`)).body).toMatchObject({ status: 'delivered' }));
      expect(await gateway.twin.inbox(phone)).toMatchObject([{ from: NUMBER, body: 'News', via: 'rest' }]);
    });

    it.each([
      ['a shared link shortener', 'See https://bit.ly/x', 'content:public_link_shortener'],
      ['a card number', 'Your card 4111 1111 1111 1111', 'content:payment_card_number'],
      ['a social security number', 'SSN 123-45-6789', 'content:social_security_number'],
    ])('refuses %s by its rule, keeps the row and sends nothing', async (_, body, rule) => {
      const refused = await writer.post('/messages', news({ body }));
      expect([refused.status, refused.body.code]).toEqual([409, 'send_refused']);
      expect(refused.headers['content-type']).toMatch(/^application\/problem\+json/);
      const { message_id: id, decision } = refused.body.errors;
      expect(refused.body.errors.rule).toBe(rule);
      expect(decision).toMatchObject({ verdict: 'refuse', rule });
      const { body: kept } = await writer.get(`/messages/${id}`).expect(200);
      expect(kept).toMatchObject({ status: 'refused', body, handed_via: null, decision: { verdict: 'refuse', rule } });
      expect(kept.transmission_path.at(-1)).toMatchObject({ hop: 'refused', by: 'send-gate', rule });
      await gateway.twin.settled();
      expect(await gateway.twin.inbox(phone)).toEqual([]);
    });

    it.each([
      ['another account has', THEIR_NUMBER],
      ['nobody has', '+15559990000'],
    ])('from a number that %s is 404, and nothing is stored', async (_, from) => {
      const { status, body } = await writer.post('/messages', news({ from }));
      expect([status, body.code]).toEqual([404, 'number_not_found']);
      expect((await list(of(phone))).messages).toEqual([]);
    });

    it.each<[string, object, string[]]>([
      ['nothing', { from: undefined, to: undefined, body: undefined, purpose: undefined }, ['body', 'from', 'purpose', 'to']],
      ['wrong types', { from: 7, to: [], body: {}, purpose: true, media_urls: 'x' }, ['body', 'from', 'media_urls', 'purpose', 'to']],
      ['no number as sender', { from: 'My Company' }, ['from']],
      ['no phone as recipient', { to: '555-1234' }, ['to']],
      ['a recipient with a line end', { to: '+15551234567\n' }, ['to']],
      ['nothing to say', { body: ' \n ' }, ['body']],
      ['nothing but control characters to say', { body: '\0\u0007' }, ['body']],
      ['too much to say', { body: 'x'.repeat(100_000) }, ['body']],
      ["a purpose of the platform's", { purpose: 'reply' }, ['purpose']],
      ['a purpose that would lift an opt-out', { purpose: 'confirmation' }, ['purpose']],
      ['a purpose that is no word', { purpose: "all'; --" }, ['purpose']],
      ['a medium that is no URL', { media_urls: ['https://ok.example.com/a', 'javascript:alert(1)'] }, ['media_urls.1']],
      ['eleven media', { media_urls: Array.from({ length: 11 }, () => 'https://m.example.com/a') }, ['media_urls']],
      ['a field that nobody knows', { schedule: 'now' }, ['(body)']],
    ])('with %s is refused by the names of the fields', async (_, changes, fields) => {
      const { status, body } = await writer.post('/messages', news(changes));
      expect([status, body.code]).toEqual([400, 'invalid_request']);
      expect([...new Set(body.errors.map(({ field }: { field: string }) => field))].sort()).toEqual(fields);
    });

    it('needs a key with the scope write', async () => {
      for (const [scope, status] of [
        [null, 401],
        ['read', 403],
        ['write', 202],
        ['admin', 202],
      ] as const) {
        expect((await (await gateway.as(scope)).post('/messages', news())).status).toBe(status);
      }
    });

    it('with an Idempotency-Key sends once: a repeat replays, another body is a mismatch', async () => {
      const key = randomUUID();
      const post = (changes = {}) => writer.post('/messages', news(changes)).set('idempotency-key', key);
      const first = await post().expect(202);
      const again = await post().expect(202);
      expect(again.body).toEqual(first.body);
      expect(again.headers['idempotent-replayed']).toBe('true');
      expect((await post({ body: 'Other' })).body).toMatchObject({ status: 422, code: 'idempotency_mismatch' });
      expect((await stranger.post('/messages', news({ from: THEIR_NUMBER })).set('idempotency-key', key)).status).toBe(202);
      expect((await list(of(phone))).messages).toHaveLength(1);
    });

    it('with one Idempotency-Key ten times at once sends once', async () => {
      const key = randomUUID();
      const answers = await Promise.all(Array.from({ length: 10 }, () => writer.post('/messages', news()).set('idempotency-key', key)));
      for (const { status, body } of answers) if (status !== 202) expect([status, body.code]).toEqual([409, 'idempotency_in_progress']);
      expect(new Set(answers.flatMap(({ body }) => body.message_id ?? [])).size).toBe(1);
      expect((await list(of(phone))).messages).toHaveLength(1);
    });
  });

  describe('GET /{id}', () => {
    it('shows every hop of a text and of its answer, in the order of time', async () => {
      await gateway.twin.text(phone, { to: NUMBER, body: 'Hi' });
      await gateway.twin.settled();
      const [question, answer] = await gateway.messages(phone);
      for (const id of [question!.id, answer!.id]) {
        const { transmission_path: path } = (await writer.get(`/messages/${id}`).expect(200)).body as {
          transmission_path: { hop: string; at: string; by: string; via?: string }[];
        };
        expect(path.map(({ hop, by }) => `${hop} by ${by}`)).toEqual([
          'received by sms-gateway',
          'stored by postgres',
          'claimed by fake-adapter',
          'called by fake-adapter',
          'answered by fake-adapter',
          'handed_out by sms-gateway',
          'sent by carrier',
          'delivered by carrier',
        ]);
        const times = path.map(({ at }) => Date.parse(at));
        expect(times).toEqual([...times].sort((a, b) => a - b));
        expect(path[5]!.via).toBe('twiml');
      }
    });

    it('shows what was said, between whom, and how question and answer belong together', async () => {
      await gateway.twin.text(phone, { to: NUMBER, body: 'Hi' });
      const [question, answer] = await gateway.messages(phone);
      const { body: asked } = await writer.get(`/messages/${question!.id}`);
      const { body: answered } = await writer.get(`/messages/${answer!.id}`);
      expect(asked).toMatchObject({
        direction: 'inbound',
        from: phone,
        to: NUMBER,
        body: 'Hi',
        segments: 1,
        encoding: 'GSM-7',
        answer_id: answer!.id,
        in_reply_to: null,
      });
      expect(answered).toMatchObject({
        direction: 'outbound',
        from: NUMBER,
        to: phone,
        body: 'echo: Hi',
        in_reply_to: question!.id,
        session_id: asked.session_id,
        turn_id: asked.turn_id,
      });
      expect(answered.decision).toMatchObject({ verdict: 'allow', rule: 'none' });
    });

    it('of another account, or of nobody, is not found', async () => {
      const { body } = await writer.post('/messages', news()).expect(202);
      for (const [caller, id] of [
        [stranger, body.message_id],
        [writer, randomUUID()],
      ] as const) {
        const { status, body: problem } = await caller.get(`/messages/${id}`);
        expect([status, problem.code]).toEqual([404, 'message_not_found']);
      }
    });

    it.each(['1', 'undefined', '%00', encodeURIComponent("' or '1'='1"), 'x'.repeat(150)])('%s is a bad request', async (id) => {
      const { status, body } = await writer.get(`/messages/${id}`);
      expect([status, body.code, body.errors[0].field]).toEqual([400, 'invalid_request', 'id']);
    });
  });

  describe('GET', () => {
    it('lists the messages with a phone, newest first, a page at a time', async () => {
      const ids: string[] = [];
      for (const i of [1, 2, 3, 4, 5]) ids.unshift((await writer.post('/messages', news({ body: `n${i}` })).expect(202)).body.message_id);
      const pages: string[][] = [];
      for (let before: string | null = ''; before !== null;) {
        const page = await list(`${of(phone)}&limit=2${before && `&before=${before}`}`);
        pages.push(page.messages.map((message) => message['message_id'] as string));
        before = page.next_before;
      }
      expect(pages).toEqual([ids.slice(0, 2), ids.slice(2, 4), ids.slice(4)]);
    });

    it('lists those of all phones, of this account only', async () => {
      const { body: first } = await writer.post('/messages', news()).expect(202);
      const { body: second } = await writer.post('/messages', news({ to: gateway.phone() })).expect(202);
      expect((await list('limit=2')).messages.map(({ message_id }) => message_id)).toEqual([second.message_id, first.message_id]);
      const ids = (await list('limit=200', stranger)).messages.map(({ message_id }) => message_id);
      expect(ids).not.toContain(first.message_id);
      expect((await list(of(phone), stranger)).messages).toEqual([]);
    });

    it('finds a WhatsApp user by either address', async () => {
      await writer.post('/messages', news({ to: `whatsapp:${phone}` })).expect(202);
      expect((await list(of(phone))).messages).toMatchObject([{ channel: 'whatsapp' }]);
      expect((await list(of(`whatsapp:${phone}`))).messages).toHaveLength(1);
    });

    it.each([
      'limit=0',
      'limit=201',
      'limit=x',
      'limit=',
      'limit=1&limit=2',
      'before=1',
      'phone=',
      'phone=%00',
      'phone=%20',
      'phone=a&phone=b',
      `phone=${'x'.repeat(65)}`,
    ])('?%s is a bad request', async (query) => {
      const { status, body } = await writer.get(`/messages?${query}`);
      expect([status, body.code, body.errors[0].field]).toEqual([400, 'invalid_request', query.split('=')[0]]);
    });

    it('needs a key', async () => {
      const nobody = await gateway.as(null);
      for (const path of ['/messages', `/messages/${randomUUID()}`, '/consents?phone=x', '/numbers'])
        expect((await nobody.get(path)).status).toBe(401);
    });
  });
});
