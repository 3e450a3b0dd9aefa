import { randomUUID } from 'node:crypto';
import { eventually } from '@darkspere/testing';
import { ReconcilerService } from '../src/sender/reconciler.service.js';
import { SenderService } from '../src/sender/sender.service.js';
import { Gateway, NUMBER, newSid, type Caller, type Form } from './gateway.harness.js';

describe('a message on its way out', () => {
  let gateway: Gateway;
  let writer: Caller;
  let phone: string;
  beforeAll(async () => {
    gateway = await Gateway.start();
    writer = await gateway.as('write');
  });
  beforeEach(() => {
    gateway.adapter.reset();
    gateway.twin.faults({});
    phone = gateway.phone();
  });
  afterAll(() => gateway?.stop());

  const send = async (body = 'News', to = phone): Promise<string> =>
    (await writer.post('/messages', { from: NUMBER, to, body, purpose: 'marketing' }).expect(202)).body.message_id;
  const read = async (id: string) => (await writer.get(`/messages/${id}`).expect(200)).body;
  const is = (id: string, expected: object, withinMs?: number) =>
    eventually(async () => expect(await read(id)).toMatchObject(expected), withinMs);
  const outbox = async (id: string) =>
    (
      await gateway.rows<{ state: string; attempts: number; due_at: Date }>(
        'select state, attempts, due_at from messaging.outbox where message_id = $1',
        [id],
      )
    )[0];
  /** Resolves when the carrier's word on a message is lost, and it is known to be. */
  const unclear = (id: string) =>
    eventually(() =>
      expect(gateway.log.filter((line) => line.includes(id))).toContainEqual(expect.stringContaining('the carrier may have message')),
    );
  const inbox = async () => (await gateway.twin.inbox(phone)).map(({ body }) => body);
  /** What happens 15 s after a message was handed out and nobody heard of it. */
  const reconcile = async () => {
    await gateway.handedOutLongAgo(phone);
    await gateway.app.get(ReconcilerService).look();
    gateway.app.get(SenderService).look();
  };
  const callback = (id: string | undefined, form: Form, signing = {}) =>
    gateway.post(id === undefined ? '/sms/status' : `/sms/status?o=${id}`, { AccountSid: gateway.twin.accountSid, ...form }, signing);

  describe('status callbacks', () => {
    /** A message of which the carrier has said no more than its sid. */
    const silentlySent = async (): Promise<{ id: string; sid: string }> => {
      gateway.twin.faults({ callback_drop_rate: 1 });
      const id = await send();
      await is(id, { status: 'queued' });
      return { id, sid: (await read(id)).message_sid };
    };

    it('in any order and any number leave the last word, and each hop once', async () => {
      const { id, sid } = await silentlySent();
      for (const MessageStatus of ['delivered', 'sent', 'delivered', 'queued', 'sending', 'sent']) {
        const { status, text } = await callback(id, { MessageSid: sid, MessageStatus });
        expect([status, text]).toEqual([204, '']);
      }
      const { status, transmission_path: path } = await read(id);
      expect(status).toBe('delivered');
      expect(path.map(({ hop }: { hop: string }) => hop)).toEqual(['stored', 'handed_out', 'queued', 'delivered']);
    });

    it('in their order leave every hop', async () => {
      const { id, sid } = await silentlySent();
      for (const MessageStatus of ['sending', 'sent', 'delivered', 'read']) await callback(id, { MessageSid: sid, MessageStatus });
      expect((await read(id)).transmission_path.map(({ hop }: { hop: string }) => hop)).toEqual([
        'stored',
        'handed_out',
        'queued',
        'sending',
        'sent',
        'delivered',
        'read',
      ]);
    });

    it('all at once leave one last word', async () => {
      const { id, sid } = await silentlySent();
      const statuses = ['sending', 'sent', 'delivered', 'sent', 'sending', 'delivered'];
      await Promise.all(statuses.map((MessageStatus) => callback(id, { MessageSid: sid, MessageStatus })));
      const { status, transmission_path: path } = await read(id);
      expect(status).toBe('delivered');
      expect(path.filter(({ hop }: { hop: string }) => hop === 'delivered')).toHaveLength(1);
    });

    it('of a failure say why, and a final word stays', async () => {
      const { id, sid } = await silentlySent();
      await callback(id, { MessageSid: sid, MessageStatus: 'undelivered', ErrorCode: '30003' });
      await callback(id, { MessageSid: sid, MessageStatus: 'delivered' });
      expect(await read(id)).toMatchObject({ status: 'undelivered', error_code: '30003' });
    });

    it('of an opt-out at the carrier are an opt-out', async () => {
      const { id, sid } = await silentlySent();
      await callback(id, { MessageSid: sid, MessageStatus: 'failed', ErrorCode: '21610' });
      expect((await writer.get(`/consents?phone=${encodeURIComponent(phone)}`)).body.consents).toMatchObject([
        { action: 'opt_out', source: 'carrier_error' },
      ]);
    });

    it('may come before the answer to the REST call that caused them', async () => {
      gateway.twin.faults({ rest_delay_ms: 400 });
      const id = await send();
      await eventually(async () => expect(await outbox(id)).toMatchObject({ state: 'sending' }));
      await callback(id, { MessageSid: newSid(), MessageStatus: 'sent' });
      expect(await read(id)).toMatchObject({ status: 'sent' });
      await gateway.twin.settled();
      // Another sid for the same message is somebody's fault, and somebody is told.
      await eventually(async () =>
        expect(
          await gateway.rows(`select 1 from analytics.system_alerts where kind = 'message_sent_twice' and subject = $1`, [id]),
        ).toHaveLength(1),
      );
    });

    it.each<[string, string | undefined]>([
      ['no message of ours', '0192f0c1-7000-7000-8000-0123456789ab'],
      ['none at all', undefined],
      ['nothing', ''],
      ['no id', encodeURIComponent("' or 1=1; --")],
      ['NUL', '%00'],
      ['two', 'a&o=b'],
    ])('about %s are taken quietly', async (_, o) => {
      const { status } = await callback(o, { MessageSid: newSid(), MessageStatus: 'delivered' });
      expect(status).toBe(204);
    });

    it('about an inbound message change nothing', async () => {
      await gateway.incoming({ From: phone });
      const [question] = await gateway.messages(phone);
      expect((await callback(question!.id, { MessageSid: newSid(), MessageStatus: 'failed', ErrorCode: '21610' })).status).toBe(204);
      expect((await gateway.messages(phone))[0]).toEqual(question);
      expect((await writer.get(`/consents?phone=${encodeURIComponent(phone)}`)).body.consents).toEqual([]);
    });

    it('signed by another account change nothing of ours', async () => {
      const [sid, token] = [`AC${'e'.repeat(32)}`, 'their-token'];
      await (await gateway.as('admin', gateway.otherAccount)).put('/carrier-accounts', { account_sid: sid, auth_token: token }).expect(204);
      const { id, sid: messageSid } = await silentlySent();
      const before = await read(id);
      for (const MessageSid of [messageSid, newSid()]) {
        expect((await callback(id, { AccountSid: sid, MessageSid, MessageStatus: 'failed', ErrorCode: '21610' }, { token })).status).toBe(
          204,
        );
      }
      expect(await read(id)).toEqual(before);
      expect(await gateway.rows(`select 1 from analytics.system_alerts where kind = 'message_sent_twice' and subject = $1`, [id])).toEqual(
        [],
      );
      expect((await writer.get(`/consents?phone=${encodeURIComponent(phone)}`)).body.consents).toEqual([]);
    });

    it('without a signature, or signed for another message, are refused', async () => {
      const { id, sid } = await silentlySent();
      const form = { MessageSid: sid, MessageStatus: 'delivered' };
      expect((await callback(id, form, { signature: null })).status).toBe(403);
      expect((await callback(id, form, { signedUrl: `https://sms.example.com/sms/status?o=${randomUUID()}` })).status).toBe(403);
      expect((await read(id)).status).toBe('queued');
    });

    it.each<[string, Form, string[]]>([
      ['nothing in them', {}, ['MessageSid', 'MessageStatus']],
      ['no status', { MessageSid: 'SM1' }, ['MessageStatus']],
      ['SQL', { MessageSid: "SM'; drop", MessageStatus: "x'); --", ErrorCode: '1 or 1' }, ['ErrorCode', 'MessageSid', 'MessageStatus']],
      ['a field twice', { MessageSid: 'SM1', MessageStatus: ['sent', 'failed'] }, ['MessageStatus']],
    ])('with %s are refused by the names of the fields', async (_, form, fields) => {
      const { status, problem } = await callback(randomUUID(), form);
      expect([status, problem().code]).toEqual([400, 'invalid_request']);
      expect([...new Set(problem().errors.map(({ field }) => field))].sort()).toEqual(fields);
    });

    it('with a status that nobody knows do no harm', async () => {
      const { id, sid } = await silentlySent();
      expect((await callback(id, { MessageSid: sid, MessageStatus: 'teleported' })).status).toBe(204);
      expect((await read(id)).status).toBe('queued');
    });
  });

  describe('the carrier', () => {
    it('that refuses for good (21211) ends it, with the reason and an alert', async () => {
      const id = await send('News', '+15005550001');
      await is(id, { status: 'failed', error_code: '21211', message_sid: null });
      expect(await outbox(id)).toBeUndefined();
      expect(
        await gateway.rows(`select account_id, severity from analytics.system_alerts where kind = 'send_failed' and subject = '21211'`),
      ).toEqual([{ account_id: gateway.account, severity: 'warning' }]);
    });

    it('that is too busy (429) is asked again after a pause', async () => {
      gateway.twin.faults({ rest_429_rate: 1 });
      const id = await send();
      await eventually(async () => expect(await outbox(id)).toMatchObject({ state: 'ready', attempts: 1 }));
      const { due_at: dueAt } = (await outbox(id))!;
      expect(dueAt.getTime() - Date.now()).toBeGreaterThan(300);
      expect(dueAt.getTime() - Date.now()).toBeLessThan(2_000);
      gateway.twin.faults({});
      await gateway.rows('update messaging.outbox set due_at = now() where message_id = $1', [id]);
      gateway.app.get(SenderService).look();
      await is(id, { status: 'delivered' });
      expect(await inbox()).toEqual(['News']);
    });

    it('that fails (500) may have it: it is looked up, and sent again only when it is not there', async () => {
      gateway.twin.faults({ rest_error_rate: 1 });
      const id = await send();
      await unclear(id);
      expect(await outbox(id)).toMatchObject({ state: 'sending', attempts: 1 });
      // As long as it cannot be looked up, nothing is sent.
      await reconcile();
      expect(await outbox(id)).toMatchObject({ state: 'sending', attempts: 1 });
      gateway.twin.faults({});
      await reconcile();
      await is(id, { status: 'delivered' });
      expect(await inbox()).toEqual(['News']);
    });

    it('that cannot be asked for a minute is an alert', async () => {
      gateway.twin.faults({ rest_error_rate: 1 });
      const id = await send();
      await unclear(id);
      for (const _ of [1, 2, 3, 4]) await gateway.handedOutLongAgo(phone);
      await gateway.app.get(ReconcilerService).look();
      await eventually(async () =>
        expect(await gateway.rows(`select 1 from analytics.system_alerts where kind = 'carrier_unreachable'`)).toHaveLength(1),
      );
      gateway.twin.faults({});
      await reconcile();
      await is(id, { status: 'delivered' });
    });

    it('that took it and broke off is found to have it: nothing is sent twice', async () => {
      gateway.twin.faults({ rest_accept_then_drop_rate: 1, callback_drop_rate: 1 });
      const id = await send();
      await unclear(id);
      expect(await read(id)).toMatchObject({ status: 'handed_out', message_sid: null });
      gateway.twin.faults({});
      await reconcile();
      await is(id, { status: 'delivered', message_sid: (await gateway.twin.inbox(phone))[0]!.sid });
      expect(await inbox()).toEqual(['News']);
      expect(await outbox(id)).toBeUndefined();
    });

    it('that took it and broke off settles it by its callback too', async () => {
      gateway.twin.faults({ rest_accept_then_drop_rate: 1 });
      await is(await send(), { status: 'delivered' });
      expect(await inbox()).toEqual(['News']);
    });

    it('that has one of two equal messages is sent the other', async () => {
      gateway.twin.faults({ rest_accept_then_drop_rate: 1, callback_drop_rate: 1 });
      const taken = await send('Same');
      await unclear(taken);
      gateway.twin.faults({ rest_error_rate: 1 });
      const lost = await send('Same');
      await unclear(lost);
      gateway.twin.faults({});
      await reconcile();
      await is(taken, { status: 'delivered' });
      await is(lost, { status: 'delivered' });
      expect(await inbox()).toEqual(['Same', 'Same']);
    });

    it('that never got our TwiML is sent the answer by REST, and one that got it is not', async () => {
      gateway.twin.faults({ callback_drop_rate: 1 });
      await gateway.twin.text(phone, { to: NUMBER, body: 'got it' });
      await gateway.incoming({ From: phone, Body: 'lost it' });
      await gateway.twin.settled();
      expect((await gateway.messages(phone)).filter(({ unsettled }) => unsettled === 1)).toHaveLength(2);
      gateway.twin.faults({});
      await eventually(async () => {
        await reconcile();
        expect((await gateway.messages(phone)).filter(({ unsettled }) => unsettled === 1)).toEqual([]);
      });
      await gateway.twin.settled();
      expect((await gateway.twin.inbox(phone)).map(({ body, via }) => `${via}: ${body}`)).toEqual([
        'twiml: echo: got it',
        'rest: echo: lost it',
      ]);
    });

    it('that repeats, reorders and drops callbacks, breaks off and is busy still delivers each message once', async () => {
      gateway.twin.faults({
        callback_duplicate_rate: 0.5,
        callback_reorder_rate: 0.5,
        callback_drop_rate: 0.3,
        rest_accept_then_drop_rate: 0.3,
        rest_429_rate: 0.2,
        seed: 7,
      });
      const ids = await Promise.all(Array.from({ length: 12 }, (_, i) => send(`n${i}`)));
      await eventually(async () => {
        await gateway.rows(`update messaging.outbox set due_at = now() where state = 'ready'`);
        expect((await Promise.all(ids.map(outbox))).filter((entry) => entry?.state === 'ready')).toEqual([]);
      });
      await gateway.twin.settled();
      gateway.twin.faults({});
      await eventually(async () => {
        await reconcile();
        expect((await Promise.all(ids.map(outbox))).filter(Boolean)).toEqual([]);
      });
      await gateway.twin.settled();
      expect((await inbox()).sort()).toEqual(ids.map((_, i) => `n${i}`).sort());
    });

    it("is the account's own, and a message of an account without one ends with that reason", async () => {
      const [{ id: other }] = (await gateway.rows<{ id: string }>(`insert into security.accounts (name) values ('new') returning id`)) as [
        { id: string },
      ];
      const stranger = await gateway.as('admin', other);
      await stranger.post('/numbers', { phone_number: '+15550006000' }).expect(201);
      const theirs = async () =>
        (await stranger.post('/messages', { from: '+15550006000', to: phone, body: 'Hi', purpose: 'marketing' }).expect(202)).body
          .message_id;
      const ended = await theirs();
      await eventually(async () =>
        expect((await stranger.get(`/messages/${ended}`)).body).toMatchObject({ status: 'failed', error_code: 'no_carrier_account' }),
      );
      await stranger.put('/carrier-accounts', { account_sid: `AC${'f'.repeat(32)}`, auth_token: 'not-what-the-twin-knows' }).expect(204);
      const refused = await theirs();
      await eventually(() => expect(gateway.log.join('')).toContain(`the carrier did not take message ${refused}: http_401_20003`));
      expect(await inbox()).toEqual([]);
    });
  });

  it('in parts arrives in order, and half of it never', async () => {
    const words = Array.from({ length: 600 }, (_, i) => `word${i}`).join(' ');
    await send(words);
    await eventually(async () => expect((await inbox()).join(' ')).toBe(words));
    const refused = await writer.post('/messages', { from: NUMBER, to: phone, body: `${words} https://bit.ly/x`, purpose: 'marketing' });
    expect([refused.status, refused.body.errors.rule]).toEqual([409, 'content:public_link_shortener']);
    await gateway.twin.settled();
    expect((await inbox()).join(' ')).toBe(words);
  });

  it('with media goes out with them', async () => {
    await writer
      .post('/messages', { from: NUMBER, to: phone, purpose: 'marketing', media_urls: ['https://media.example.com/1.png?x=1'] })
      .expect(202);
    const [message] = await eventually(async () => {
      const messages = await gateway.twin.inbox(phone);
      expect(messages).toHaveLength(1);
      return messages;
    });
    expect(message).toMatchObject({ body: '', media_urls: ['https://media.example.com/1.png?x=1'] });
  });

  it('on WhatsApp goes out on WhatsApp', async () => {
    await writer.post('/messages', { from: NUMBER, to: `whatsapp:${phone}`, body: 'Hi', purpose: 'marketing' }).expect(202);
    await eventually(async () =>
      expect(await gateway.twin.inbox(`whatsapp:${phone}`)).toMatchObject([{ from: `whatsapp:${NUMBER}`, body: 'Hi' }]),
    );
  });
});
