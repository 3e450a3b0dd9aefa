import { randomUUID } from 'node:crypto';
import { eventually } from '@darkspere/testing';
import { Gateway, NUMBER, type Caller } from './gateway.harness.js';

describe('/api/v1/numbers', () => {
  let gateway: Gateway;
  let writer: Caller;
  let stranger: Caller;
  let next = 0;
  beforeAll(async () => {
    gateway = await Gateway.start();
    writer = await gateway.as('write');
    stranger = await gateway.as('admin', gateway.otherAccount);
  });
  beforeEach(() => gateway.adapter.reset());
  afterAll(() => gateway?.stop());

  const number = () => `+1555888${String((next += 1)).padStart(4, '0')}`;
  const agent = async (account = gateway.account): Promise<string> => {
    const [row] = await gateway.rows<{ id: string }>(
      `insert into registry.agent_registry (account_id, agent_name, endpoint_url, dialect, status) values ($1, 'Bot', 'https://bot.example.com', 'chat', 'active') returning id`,
      [account],
    );
    return row!.id;
  };
  const bind = (phone_number: string, agent_id?: string | null, caller = writer) =>
    caller.post('/numbers', { phone_number, ...(agent_id !== undefined && { agent_id }) });
  const text = (To: string, From = gateway.phone(), Body = 'Hello') => gateway.incoming({ To, From, Body });

  it('a number that was taken in is listed, and its texts go to its agent', async () => {
    const [phone_number, agent_id] = [number(), await agent()];
    const { status, body } = await bind(phone_number, agent_id);
    expect([status, body]).toEqual([201, { phone_number, agent_id, created_at: expect.any(String) }]);
    expect((await writer.get('/numbers')).body.numbers).toContainEqual(body);
    await text(phone_number);
    expect(gateway.adapter.turns).toMatchObject([{ agent_id }]);
  });

  it('without an agent any agent of the account answers, and a short code is a number too', async () => {
    const shortCode = '72345';
    expect((await bind(shortCode)).body).toMatchObject({ phone_number: shortCode, agent_id: null });
    expect((await text(shortCode)).text).toContain('echo: Hello');
  });

  it('bound anew: live sessions go to the new agent at once, and the conversation goes on', async () => {
    const [phone_number, first, second, phone] = [number(), await agent(), await agent(), gateway.phone()];
    await bind(phone_number, first).expect(201);
    await text(phone_number, phone, 'one');
    expect((await bind(phone_number, second).expect(201)).body.agent_id).toBe(second);
    await text(phone_number, phone, 'two');
    expect(gateway.adapter.turns.map(({ agent_id }) => agent_id)).toEqual([first, second]);
    expect(new Set(gateway.adapter.turns.map(({ session_id }) => session_id)).size).toBe(1);
    expect(
      (await writer.get('/numbers')).body.numbers.filter((entry: { phone_number: string }) => entry.phone_number === phone_number),
    ).toHaveLength(1);
  });

  it('bound anew while a turn runs: the running call is void, and the new agent is asked', async () => {
    const [phone_number, first, second] = [number(), await agent(), await agent()];
    await bind(phone_number, first).expect(201);
    const held = Promise.withResolvers<string>();
    gateway.adapter.answer = ({ agent_id }) => (agent_id === first ? held.promise : 'from the second');
    const answered = text(phone_number);
    await eventually(() => expect(gateway.adapter.turns).toHaveLength(1));
    await bind(phone_number, second).expect(201);
    held.resolve('from the first');
    await gateway.adapter.sweep();
    expect((await answered).text).toContain('from the second');
    expect(gateway.adapter.turns.map(({ agent_id }) => agent_id)).toEqual([first, second]);
  });

  it('unbound: the sessions that it has stay where they are', async () => {
    const [phone_number, first, phone] = [number(), await agent(), gateway.phone()];
    await bind(phone_number, first).expect(201);
    await text(phone_number, phone);
    await bind(phone_number, null).expect(201);
    await text(phone_number, phone);
    expect(gateway.adapter.turns.map(({ agent_id }) => agent_id)).toEqual([first, first]);
  });

  it("that is another account's stays theirs", async () => {
    const phone_number = number();
    await bind(phone_number).expect(201);
    const { status, body } = await bind(phone_number, undefined, stranger);
    expect([status, body.code]).toEqual([409, 'number_taken']);
    expect((await stranger.delete(`/numbers/${phone_number}`)).body).toMatchObject({ status: 404, code: 'number_not_found' });
    expect((await stranger.get('/numbers')).body).toEqual({ numbers: [] });
    expect((await text(phone_number)).text).toContain('echo: Hello');
  });

  it('many who want one number at once: one has it', async () => {
    const phone_number = number();
    const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => bind(phone_number, undefined, i % 2 ? writer : stranger)));
    const owners = answers.flatMap(({ status }, i) => (status === 201 ? [i % 2] : []));
    expect(new Set(owners).size).toBe(1);
    for (const { status } of answers) expect([201, 409]).toContain(status);
  });

  it.each([
    ['nobody has', () => randomUUID()],
    ['another account has', () => agent(gateway.otherAccount)],
  ])('cannot be bound to an agent that %s', async (_, other) => {
    const phone_number = number();
    const { status, body } = await bind(phone_number, await other());
    expect([status, body.code]).toEqual([404, 'agent_not_found']);
    expect((await text(phone_number)).status).toBe(404);
  });

  it('given back: sessions end, waiting texts are closed, later ones are not accepted, and anybody may have it', async () => {
    const [phone_number, phone] = [number(), gateway.phone()];
    await bind(phone_number).expect(201);
    const held = Promise.withResolvers<string>();
    gateway.adapter.answer = () => held.promise;
    const waiting = text(phone_number, phone);
    await eventually(() => expect(gateway.adapter.turns).toHaveLength(1));
    await writer.delete(`/numbers/${encodeURIComponent(phone_number)}`).expect(204);
    held.resolve('too late');
    expect((await waiting).text).toMatch(/<Response\/>$/);
    expect(
      await gateway.rows(
        `select 1 from routing.agent_sessions s join messaging.phone_numbers n on n.id = s.number_id where n.phone_number = $1 and s.ended_at is null`,
        [phone_number],
      ),
    ).toEqual([]);
    expect((await text(phone_number, phone)).status).toBe(404);
    await writer.delete(`/numbers/${phone_number}`).expect(404);
    expect((await bind(phone_number, undefined, stranger)).status).toBe(201);
    expect((await gateway.messages(phone)).map(({ status }) => status)).toEqual(['closed', 'fenced']);
  });

  it('with an Idempotency-Key is bound once', async () => {
    const [phone_number, key] = [number(), randomUUID()];
    const first = await bind(phone_number).set('idempotency-key', key);
    const again = await bind(phone_number).set('idempotency-key', key);
    expect([again.status, again.body, again.headers['idempotent-replayed']]).toEqual([201, first.body, 'true']);
  });

  it.each([
    '',
    '5551234',
    '+0555',
    '+1 555 000 1000',
    'whatsapp:+15550001000',
    '+15550001000\n',
    "+1'; drop table x; --",
    '12',
    7,
    null,
    undefined,
  ])('%j is no number', async (phone_number) => {
    const { status, body } = await writer.post('/numbers', { phone_number });
    if (phone_number === '5551234') return expect(status).toBe(201);
    expect([status, body.code]).toEqual([400, 'invalid_request']);
    expect(body.errors[0].field).toBe('phone_number');
  });

  it('an agent id that is none, and a field that nobody knows, are named', async () => {
    const { body } = await writer.post('/numbers', { phone_number: number(), agent_id: 'bot', agent: 'x' }).expect(400);
    expect(body.errors.map(({ field }: { field: string }) => field).sort()).toEqual(['(body)', 'agent_id']);
  });

  it.each(['%00', '+1%00', '%ff', encodeURIComponent("' or 1=1 --"), encodeURIComponent('../../etc'), 'x'.repeat(150), '+15559999999'])(
    'DELETE of %s, which nobody has, is the caller’s fault',
    async (path) => {
      const { status } = await writer.delete(`/numbers/${path}`);
      expect([400, 404]).toContain(status);
    },
  );

  it('needs a key: read to look, write to change', async () => {
    const [reader, nobody] = [await gateway.as('read'), await gateway.as(null)];
    expect((await reader.get('/numbers')).status).toBe(200);
    expect((await bind(number(), undefined, reader)).status).toBe(403);
    expect((await reader.delete(`/numbers/${NUMBER}`)).status).toBe(403);
    expect((await bind(number(), undefined, nobody)).status).toBe(401);
    expect((await nobody.delete(`/numbers/${NUMBER}`)).status).toBe(401);
    expect((await text(NUMBER)).status).toBe(200);
  });

  describe('PUT /api/v1/carrier-accounts', () => {
    const SID = `AC${'9'.repeat(32)}`;

    it('stores the token where nobody can read it', async () => {
      await stranger.put('/carrier-accounts', { account_sid: SID, auth_token: 'very-secret-token' }).expect(204);
      const [row] = await gateway.rows<{ row: string }>(
        'select row_to_json(c)::text as row from messaging.carrier_accounts c where account_sid = $1',
        [SID],
      );
      expect(row!.row).not.toContain('very-secret-token');
    });

    it('takes a new token of the same account, at once', async () => {
      const phone_number = number();
      await bind(phone_number, undefined, stranger).expect(201);
      const signedWith = (token: string) =>
        gateway.incoming({ AccountSid: SID, To: phone_number, From: gateway.phone(), Body: 'STOP' }, { token });
      expect((await signedWith('very-secret-token')).status).toBe(200);
      await stranger.put('/carrier-accounts', { account_sid: SID, auth_token: 'rotated-token' }).expect(204);
      expect((await signedWith('very-secret-token')).status).toBe(403);
      expect((await signedWith('rotated-token')).status).toBe(200);
    });

    it("refuses another account's, faulty fields and callers without the scope admin", async () => {
      const admin = await gateway.as('admin');
      expect((await admin.put('/carrier-accounts', { account_sid: SID, auth_token: 'long-enough' })).body).toMatchObject({
        status: 409,
        code: 'conflict',
      });
      const { body } = await admin.put('/carrier-accounts', { account_sid: 'AC1', auth_token: 'x' }).expect(400);
      expect(body.errors.map(({ field }: { field: string }) => field).sort()).toEqual(['account_sid', 'auth_token']);
      expect((await writer.put('/carrier-accounts', { account_sid: SID, auth_token: 'long-enough' })).status).toBe(403);
    });
  });
});
