import { eventually } from '@darkspere/testing';
import { Gateway, NUMBER, newSid, type Form } from './gateway.harness.js';

const EMPTY = '<?xml version="1.0" encoding="UTF-8"?><Response/>';

describe('POST /sms/incoming', () => {
  let gateway: Gateway;
  beforeAll(async () => {
    gateway = await Gateway.start();
  });
  beforeEach(() => {
    gateway.adapter.reset();
    gateway.twin.faults({});
  });
  afterAll(() => gateway?.stop());

  /** Answers wait until the test says so; each may be told apart by the text it answers. */
  const hold = () => {
    const held = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    gateway.adapter.answer = async ({ texts }) => {
      begun.resolve();
      await held.promise;
      return `answer to ${texts.map(({ body }) => body).join('+')}`;
    };
    return { begun: begun.promise, release: held.resolve };
  };
  const received = async (phone: string) => {
    await gateway.twin.settled();
    return (await gateway.twin.inbox(phone)).map(({ body, via }) => `${via}: ${body}`);
  };

  describe('an answer', () => {
    it('that comes in time is the TwiML of the webhook, with the callback that confirms it', async () => {
      const phone = gateway.phone();
      const { status, type, text } = await gateway.incoming({ From: phone, Body: 'Hi' });
      const [question, answer] = await gateway.messages(phone);
      expect([status, type]).toEqual([200, 'text/xml; charset=utf-8']);
      expect(text).toBe(
        `<?xml version="1.0" encoding="UTF-8"?><Response><Message action="https://sms.example.com/sms/status?o=${answer!.id}">echo: Hi</Message></Response>`,
      );
      expect(question).toMatchObject({ direction: 'inbound', status: 'answered', body: 'Hi', answer_id: answer!.id });
      expect(answer).toMatchObject({
        direction: 'outbound',
        status: 'handed_out',
        handed_via: 'twiml',
        body: 'echo: Hi',
        purpose: 'reply',
      });
    });

    it('is settled by its callbacks', async () => {
      const phone = gateway.phone();
      await gateway.twin.text(phone, { to: NUMBER, body: 'Hi' });
      await eventually(async () =>
        expect((await gateway.messages(phone))[1]).toMatchObject({
          status: 'delivered',
          message_sid: expect.stringMatching(/^SM/),
          unsettled: 0,
        }),
      );
      expect(await received(phone)).toEqual(['twiml: echo: Hi']);
    });

    it.each([
      ['markup', `& < > " ' ]]> <!-- --> <Response><Message to="+19990000000">x</Message></Response>`],
      ['entities', '&amp; &lt;b&gt; &#x1F600; %20 ${7*7} {{7*7}}'],
      ['emoji and other planes', '😀 👨‍👩‍👧 𝒳 é ＡＢ ‮abc'],
      ['line ends', 'one\ntwo\r\nthree\rfour'],
      ['spaces at both ends', '  padded  '],
    ])('with %s reaches the phone as it is', async (_, body) => {
      const phone = gateway.phone();
      gateway.adapter.answer = () => body;
      await gateway.twin.text(phone, { to: NUMBER, body: 'Hi' });
      expect(await received(phone)).toEqual([`twiml: ${body.trim()}`]);
    });

    it.each([
      ['control characters', 'a\u0007b\u001bc\u000bd', 'abcd'],
      ['characters that are none', 'a\ufffeb\uffffc', 'abc'],
    ])('with %s reaches the phone without them', async (_, body, left) => {
      const phone = gateway.phone();
      gateway.adapter.answer = () => `x${body}`;
      await gateway.twin.text(phone, { to: NUMBER, body: 'Hi' });
      expect(await received(phone)).toEqual([`twiml: x${left}`]);
    });

    it('that is too long for one message comes in parts, in order, none before the one before it', async () => {
      const phone = gateway.phone();
      const words = Array.from({ length: 700 }, (_, i) => `word${i}`).join(' ');
      gateway.adapter.answer = () => words;
      gateway.twin.faults({ rest_delay_ms: 200 });
      await gateway.twin.text(phone, { to: NUMBER, body: 'Tell me all' });
      const parts = await eventually(async () => {
        const messages = await gateway.twin.inbox(phone);
        expect(messages.map(({ body }) => body).join(' ')).toBe(words);
        return messages;
      });
      expect(parts.map(({ via }) => via)).toEqual(['twiml', 'rest', 'rest', 'rest'].slice(0, parts.length));
      for (const { body } of parts) expect(body.length).toBeLessThanOrEqual(1_600);
      const handedOut = (await gateway.messages(phone)).slice(1).map(({ transmission_path: path }) => {
        const hop = path.find((step) => step.hop === 'handed_out') as unknown as { at: string };
        return Date.parse(hop.at);
      });
      // Each carrier call takes 200 ms, and the next one begins after it.
      const byRest = handedOut.slice(1);
      byRest.slice(1).forEach((at, i) => expect(at - byRest[i]!).toBeGreaterThan(150));
    });
  });

  describe('the sender', () => {
    it.each([
      ['a phone', '+4915112345678', 'sms'],
      ['a short code', '72345', 'sms'],
      ['an alphanumeric one', 'MyBank', 'sms'],
      ['an alphanumeric one with spaces', 'My Bank 24', 'sms'],
      ['a WhatsApp user', 'whatsapp:+4915112345679', 'whatsapp'],
    ])('may be %s', async (_, from, channel) => {
      const to = from.startsWith('whatsapp:') ? `whatsapp:${NUMBER}` : NUMBER;
      const { status, text } = await gateway.incoming({ From: from, To: to, WaId: '4915112345679', ProfileName: 'Ann' });
      expect(status).toBe(200);
      expect(text).toContain('>echo: Hello</Message>');
      expect(await gateway.messages(from.replace('whatsapp:', ''))).toMatchObject([
        { direction: 'inbound', channel },
        { direction: 'outbound', channel },
      ]);
    });

    it('of an MMS without a word is asked about with its media', async () => {
      const phone = gateway.phone();
      const media = ['https://media.example.com/1.png?x=1&y=2', 'https://media.example.com/2.pdf'];
      await gateway.twin.text(phone, { to: NUMBER, body: '', media_urls: media });
      expect(gateway.adapter.turns[0]!.texts).toMatchObject([
        {
          body: '',
          media: [
            { url: media[0], contentType: 'image/png' },
            { url: media[1], contentType: 'application/pdf' },
          ],
        },
      ]);
      const reader = await gateway.as('read');
      const { body } = await reader.get(`/messages?phone=${encodeURIComponent(phone)}`).expect(200);
      expect(body.messages.at(-1)).toMatchObject({ direction: 'inbound', body: '', media_urls: media, channel: 'sms' });
    });

    it('on WhatsApp and by SMS has two conversations', async () => {
      const phone = gateway.phone();
      await gateway.incoming({ From: phone });
      await gateway.incoming({ From: `whatsapp:${phone}`, To: `whatsapp:${NUMBER}` });
      expect(new Set(gateway.adapter.turns.map(({ session_id }) => session_id)).size).toBe(2);
    });
  });

  describe('the same MessageSid again', () => {
    it.each(['sixteen at once', 'sixteen, one after the other'])('stores nothing and gets what the first got: %s', async (how) => {
      const form = { From: gateway.phone(), MessageSid: newSid(), Body: 'Once' };
      const answers = how.startsWith('sixteen at once')
        ? await Promise.all(Array.from({ length: 16 }, () => gateway.incoming(form)))
        : await Array.from({ length: 16 }).reduce<Promise<Awaited<ReturnType<typeof gateway.incoming>>[]>>(
            async (before) => [...(await before), await gateway.incoming(form)],
            Promise.resolve([]),
          );
      expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
      expect(answers[0]!.text).toContain('echo: Once');
      expect(await gateway.messages(form.From)).toHaveLength(2);
      expect(gateway.adapter.turns).toHaveLength(1);
    });

    it('with another body is still the same', async () => {
      const form = { From: gateway.phone(), MessageSid: newSid(), Body: 'First' };
      const first = await gateway.incoming(form);
      expect((await gateway.incoming({ ...form, Body: 'Second', From: gateway.phone() })).text).toBe(first.text);
      expect(await gateway.messages(form.From)).toHaveLength(2);
    });

    it('is another text when another account sent it', async () => {
      const [sid, token, number] = [`AC${'d'.repeat(32)}`, 'their-token', '+15550003000'];
      const admin = await gateway.as('admin', gateway.otherAccount);
      await admin.put('/carrier-accounts', { account_sid: sid, auth_token: token }).expect(204);
      await admin.post('/numbers', { phone_number: number }).expect(201);
      const form = { From: gateway.phone(), MessageSid: newSid(), Body: 'STOP' };
      await gateway.incoming(form);
      await gateway.incoming({ ...form, AccountSid: sid, To: number }, { token });
      expect(
        await gateway.rows('select distinct account_id from messaging.message_history where message_sid = $1', [form.MessageSid]),
      ).toHaveLength(2);
    });

    it('under its old name SmsSid is the same too', async () => {
      const { MessageSid: _, ...form }: Form = {
        AccountSid: gateway.twin.accountSid,
        MessageSid: '',
        SmsSid: newSid(),
        From: gateway.phone(),
        To: NUMBER,
        Body: 'Old',
      };
      const first = await gateway.post('/sms/incoming', form);
      expect(first.text).toContain('echo: Old');
      expect((await gateway.post('/sms/incoming', { ...form, MessageSid: form['SmsSid']! })).text).toBe(first.text);
    });
  });

  describe('several texts of one phone', () => {
    it('that come while the first is answered get one answer, in the webhook of the newest', async () => {
      const { begun, release } = hold();
      const phone = gateway.phone();
      const one = gateway.incoming({ From: phone, Body: 'one' });
      await begun;
      const two = gateway.incoming({ From: phone, Body: 'two' });
      await eventually(async () => expect(await gateway.messages(phone)).toHaveLength(2));
      const three = gateway.incoming({ From: phone, Body: 'three' });
      await eventually(async () => expect(await gateway.messages(phone)).toHaveLength(3));
      release();
      const [first, second, third] = await Promise.all([one, two, three]);
      expect(first.text).toContain('>answer to one</Message>');
      expect(second.text).toBe(EMPTY);
      expect(third.text).toContain('>answer to two+three</Message>');
      expect(gateway.adapter.turns).toHaveLength(2);
    });

    it('are answered in their order when they come at once, each text once', async () => {
      const phone = gateway.phone();
      await Promise.all(Array.from({ length: 6 }, (_, i) => gateway.twin.text(phone, { to: NUMBER, body: `t${i}` })));
      const asked = gateway.adapter.turns.flatMap(({ texts }) => texts.map(({ body }) => body));
      expect([...asked].sort()).toEqual(['t0', 't1', 't2', 't3', 't4', 't5']);
      const stored = (await gateway.messages(phone)).filter(({ direction }) => direction === 'inbound').map(({ body }) => body);
      expect(asked).toEqual(stored);
      expect(await received(phone)).toEqual(
        gateway.adapter.turns.map(({ texts }) => `twiml: echo: ${texts.map(({ body }) => body).join('\n')}`),
      );
    });

    it('of many phones do not wait for one another', async () => {
      const slow = gateway.phone();
      const { begun, release } = hold();
      const held = gateway.incoming({ From: slow });
      await begun;
      gateway.adapter.answer = () => 'quick';
      const answers = await Promise.all(Array.from({ length: 20 }, () => gateway.incoming({ From: gateway.phone() })));
      for (const { text } of answers) expect(text).toContain('>quick</Message>');
      release();
      expect((await held).text).toContain('answer to Hello');
    });
  });

  describe('a form', () => {
    it.each<[string, Form, string]>([
      ['From', { From: '' }, 'From'],
      ['From', { From: '+1555\n777' }, 'From'],
      ['From', { From: 'x'.repeat(100) }, 'From'],
      ['To', { To: ' ' }, 'To'],
      ['MessageSid', { MessageSid: '' }, 'MessageSid'],
      ['MessageSid', { MessageSid: 'a b' }, 'MessageSid'],
      ['MessageSid', { MessageSid: 'x'.repeat(65) }, 'MessageSid'],
      ['NumMedia', { NumMedia: '-1' }, 'NumMedia'],
      ['NumMedia', { NumMedia: '1e9' }, 'NumMedia'],
      ['Body', { Body: 'x'.repeat(100_000) }, 'Body'],
    ])('with a faulty %s is refused by its name: %#', async (_, fields, field) => {
      const { status, problem } = await gateway.incoming({ From: gateway.phone(), ...fields });
      expect([status, problem().code]).toEqual([400, 'invalid_request']);
      expect(new Set(problem().errors.map((error) => error.field))).toEqual(new Set([field]));
    });

    it('without From, To and MessageSid names all three', async () => {
      const { status, problem } = await gateway.post('/sms/incoming', { AccountSid: gateway.twin.accountSid });
      expect(status).toBe(400);
      expect(
        problem()
          .errors.map(({ field }) => field)
          .sort(),
      ).toEqual(['From', 'MessageSid', 'To']);
    });

    it.each(['+19990000000', '999999', 'whatsapp:+19990000000', 'SomeName'])('to %s, where no agent answers, is 404', async (To) => {
      const { status, problem } = await gateway.incoming({ To });
      expect([status, problem().code]).toEqual([404, 'number_not_found']);
    });

    it('keeps the trace that it came with, and has one of its own when that is none', async () => {
      const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
      await gateway.incoming({ From: gateway.phone() }, { headers: { traceparent } });
      await gateway.incoming({ From: gateway.phone() }, { headers: { traceparent: "00-'; drop table-01" } });
      const [kept, made] = gateway.adapter.turns.map(({ texts }) => texts[0]!.traceparent);
      expect(kept).toBe(traceparent);
      expect(made).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    });
  });

  it('an agent knows the session by a handle that tells nothing of the phone and stays the same', async () => {
    const phone = gateway.phone();
    await gateway.incoming({ From: phone });
    await gateway.incoming({ From: phone });
    await gateway.incoming({ From: gateway.phone() });
    const [first, again, other] = gateway.adapter.turns.map(({ handle }) => handle);
    expect(again).toBe(first);
    expect(other).not.toBe(first);
    expect(first).toMatch(/^[\w-]{43}$/);
  });
});
