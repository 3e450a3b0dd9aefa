import { randomUUID } from 'node:crypto';
import { eventually } from '@darkspere/testing';
import { Adapters, type Chat } from './adapter.harness.js';

describe('POST /mcp/chat', () => {
  let adapters: Adapters;
  let writer: Chat;
  let phone: string;
  beforeAll(async () => {
    adapters = await Adapters.start();
    writer = await adapters.chatAs('write');
  });
  beforeEach(() => {
    phone = adapters.phone();
  });
  afterAll(() => adapters?.stop());

  /** A session in which one text was answered. */
  const session = async (options?: Parameters<Adapters['agent']>[0]) => {
    const agent = await adapters.agent(options);
    const { session_id: id } = await adapters.text(agent.number, phone, 'Hi by phone');
    await adapters.answered(phone);
    return { ...agent, id, handle: (await adapters.session(id)).handle };
  };
  const problem = ({ status, body }: { status: number; body: { code: string } }) => [status, body.code];

  it('is a turn of the session, and its answer goes to its caller only', async () => {
    const { handle, name, id } = await session();
    const { status, body } = await writer.say(handle, 'Hello');
    expect([status, body]).toEqual([
      200,
      {
        type: 'chat.response',
        session_id: handle,
        message: 'echo: Hello',
        context_update: { session_state: { turns: 2 } },
        metadata: { turn_id: expect.any(String), processing_time_ms: expect.any(Number) },
      },
    ]);
    expect(adapters.calls(name).at(-1)).toMatchObject({ session_id: handle, message: 'Hello', turn_id: body.metadata.turn_id });
    expect((await adapters.answers(phone)).map(({ body: text, status: state }) => [text, state])).toEqual([
      ['echo: Hi by phone', 'handed_out'],
      ['echo: Hello', 'returned'],
    ]);
    expect(
      await adapters.rows(
        `select 1 from messaging.outbox where session_id = $1 and due_at is not null and message_id not in (select id from messaging.message_history where body = 'echo: Hi by phone')`,
        [id],
      ),
    ).toEqual([]);
  });

  it('the texts of the phone and those of the caller are turns of their own, in the order in which they came', async () => {
    const { handle, number, name } = await session({ query: 'delay_ms=120' });
    await adapters.text(number, phone, 'text 1');
    await eventually(() => expect(adapters.calls(name).at(-1)!.message).toBe('text 1'));
    const first = writer.say(handle, 'chat 1').then(({ body }) => body.message);
    await eventually(async () =>
      expect(await adapters.rows(`select 1 from messaging.message_history where body = 'chat 1'`)).toHaveLength(1),
    );
    await adapters.text(number, phone, 'text 2');
    const second = writer.say(handle, 'chat 2').then(({ body }) => body.message);
    expect(await Promise.all([first, second])).toEqual(['echo: chat 1', 'echo: chat 2']);
    expect(adapters.calls(name).map(({ message }) => message)).toEqual(['Hi by phone', 'text 1', 'chat 1', 'text 2', 'chat 2']);
    expect((await adapters.answers(phone)).filter(({ status }) => status !== 'returned').map(({ body }) => body)).toEqual([
      'echo: Hi by phone',
      'echo: text 1',
      'echo: text 2',
    ]);
  });

  it('several callers at once get each their own answer', async () => {
    const { handle } = await session({ doubleText: 'enqueue' });
    const answers = await Promise.all(Array.from({ length: 6 }, (_, i) => writer.say(handle, `n${i}`)));
    expect(answers.map(({ body }) => body.message)).toEqual(Array.from({ length: 6 }, (_, i) => `echo: n${i}`));
  });

  it('a long answer comes whole', async () => {
    const words = Array.from({ length: 500 }, (_, i) => `word${i}`).join(' ');
    const { handle } = await session();
    expect((await writer.say(handle, words)).body.message).toBe(`echo: ${words}`);
  });

  it('an agent that gives no answer is 502, and the session goes on', async () => {
    const { handle, name } = await session();
    adapters.twin.control({ agent: name, mode: 'garbage' });
    expect(problem(await writer.say(handle, 'Hello'))).toEqual([502, 'turn_failed']);
    adapters.twin.control({ agent: name, mode: 'echo' });
    expect((await writer.say(handle, 'Again')).body.message).toBe('echo: Again');
  });

  describe('a session', () => {
    it.each([
      ['that nobody has', async () => 'a'.repeat(43)],
      ['of another account', async () => (await session()).handle],
      [
        'that has ended',
        async () => {
          const { handle, id } = await session();
          await adapters.rows('select routing.end_session($1, now())', [id]);
          return handle;
        },
      ],
      [
        'that nobody texted for a day',
        async () => {
          const { handle, id } = await session();
          await adapters.rows(`update routing.agent_sessions set last_text_at = now() - interval '25 hours' where id = $1`, [id]);
          return handle;
        },
      ],
    ])('%s is not found', async (kind, handleOf) => {
      const handle = await handleOf();
      const caller = kind.includes('another') ? await adapters.chatAs('admin', adapters.otherAccount) : writer;
      expect(problem(await caller.say(handle, 'Hello'))).toEqual([404, 'session_not_found']);
      expect(
        await adapters.rows(
          `select 1 from messaging.message_history m join routing.agent_sessions s on s.id = m.session_id where s.handle = $1 and m.channel = 'api'`,
          [handle],
        ),
      ).toEqual([]);
    });

    it('that a person has taken over is not answered by the agent', async () => {
      const { handle, id, name } = await session();
      await adapters.rows(`update routing.agent_sessions set owner = 'person' where id = $1`, [id]);
      expect(problem(await writer.say(handle, 'Hello'))).toEqual([409, 'session_unavailable']);
      expect(adapters.calls(name)).toHaveLength(1);
    });

    it('that ends, or whose contact says STOP, while the agent thinks gives no answer', async () => {
      for (const end of ['end', 'stop']) {
        phone = adapters.phone();
        const { handle, id, number, name } = await session({ query: 'delay_ms=150' });
        const answered = writer.say(handle, 'Hello').then(problem);
        await eventually(() => expect(adapters.calls(name)).toHaveLength(2));
        if (end === 'end')
          await adapters.rows(
            `update messaging.message_history set status = 'closed' where id in (select unnest(routing.fence_session($1, now())))`,
            [id],
          );
        else await adapters.text(number, phone, 'STOP', { intent: 'opt_out' });
        expect(await answered).toEqual([409, 'session_unavailable']);
      }
    });
  });

  it('needs a key with the scope write', async () => {
    const { handle } = await session();
    expect(problem(await (await adapters.chatAs(null)).say(handle, 'x'))).toEqual([401, 'unauthenticated']);
    expect(problem(await (await adapters.chatAs('read')).say(handle, 'x'))).toEqual([403, 'forbidden']);
    expect((await (await adapters.chatAs('admin')).say(handle, 'x')).status).toBe(200);
  });

  it('with an Idempotency-Key is one turn, however often it is sent', async () => {
    const { handle, name } = await session();
    const key = randomUUID();
    const first = await writer.say(handle, 'Once', { 'idempotency-key': key });
    const again = await writer.say(handle, 'Once', { 'idempotency-key': key });
    expect(again.body).toEqual(first.body);
    expect(again.headers['idempotent-replayed']).toBe('true');
    expect(problem(await writer.say(handle, 'Other', { 'idempotency-key': key }))).toEqual([422, 'idempotency_mismatch']);
    expect(adapters.calls(name).map(({ message }) => message)).toEqual(['Hi by phone', 'Once']);
  });

  it.each<[string, object | string, string[]]>([
    ['nothing', {}, ['message', 'session_id']],
    ['wrong types', { type: 'chat.response', session_id: 7, message: ['x'] }, ['message', 'session_id', 'type']],
    ['an empty message', { session_id: 'h', message: ' \n\0 ' }, ['message']],
    ['a message of 100,000 characters', { session_id: 'h', message: 'x'.repeat(100_000) }, ['message']],
    ['SQL for a handle', { session_id: "' or '1'='1", message: 'x' }, ['session_id']],
    ['NUL in the handle', { session_id: 'h\0', message: 'x' }, ['session_id']],
    ['a handle of 10,000 characters', { session_id: 'h'.repeat(10_000), message: 'x' }, ['session_id']],
    ['null', 'null', ['(body)']],
    ['an array', '[]', ['(body)']],
  ])('with %s is refused by the names of the fields', async (_, body, fields) => {
    const answer = await writer.post(body);
    expect(problem(answer)).toEqual([400, 'invalid_request']);
    expect([...new Set(answer.body.errors.map(({ field }: { field: string }) => field))].sort()).toEqual(fields);
  });

  it.each([
    ['no JSON', '{"session_id":', 400],
    ['2 MB', JSON.stringify({ session_id: 'h', message: 'x'.repeat(2_000_000) }), 413],
    ['a forbidden name', '{"session_id":"h","message":"x","__proto__":{"a":1}}', 400],
  ])('with %s is refused', async (_, body, status) => {
    const answer = await writer.post(body);
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  });

  it('takes whatever can be said', async () => {
    const { handle } = await session();
    for (const [said, heard] of [
      ["'; drop table routing.turns; --", "'; drop table routing.turns; --"],
      ['a\0b', 'ab'],
      ['x\ud800y', 'x\ufffdy'],
      ['😀 \u202e <script>', '😀 \u202e <script>'],
    ] as const) {
      expect((await writer.post(`{"session_id":"${handle}","message":${JSON.stringify(said)},"extra":{"a":1}}`)).body.message).toBe(
        `echo: ${heard}`,
      );
    }
    expect((await writer.say(handle, 'trace', { traceparent: "'; --" })).status).toBe(200);
  });
});
