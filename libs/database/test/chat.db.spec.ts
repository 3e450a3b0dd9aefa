import { randomUUID } from 'node:crypto';
import { Engine, type Phone } from './engine.fixture.js';

interface Received {
  held: boolean;
  session_id: string;
  message_id: string;
  ring: boolean;
  lease_token: string | null;
}

describe('texts that come by POST /mcp/chat', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await Engine.start();
  });
  beforeEach(() => engine.clear());
  afterAll(() => engine?.stop());

  const handleOf = async (phone: Phone): Promise<string> => (await engine.session(phone.session)).handle as string;
  const chat = async (phone: Phone, body: string, account = engine.account): Promise<Received | null> => {
    const received = await engine.sql.value<Received | null>('routing.receive_chat', [
      account,
      await handleOf(phone),
      body,
      null,
      engine.now,
    ]);
    phone.lease = received?.lease_token ?? phone.lease;
    return received;
  };
  const result = (messageId: string): Promise<object | null> => engine.sql.value('routing.chat_result', [messageId]);
  const known = async (): Promise<Phone> => {
    const phone = await engine.phone();
    const { text, answer } = await phone.answered();
    await engine.take(text);
    await engine.receipt(answer, `SM-${answer}`, 'sent');
    return phone;
  };

  it('a chat text is a turn of its own between the texts of the phone, in order', async () => {
    const phone = await known();
    await phone.texts('1', '2');
    await chat(phone, 'chat');
    await phone.text('3');
    const turns = [];
    for (let i = 0; i < 3; i += 1) {
      const turn = await phone.claimed();
      turns.push(turn.texts.map(({ body }) => body));
      await engine.complete(turn);
      engine.pass(400);
    }
    expect(turns).toEqual([['1', '2'], ['chat'], ['3']]);
  });

  it('its answer goes to the caller, in one piece, and never leaves by the carrier', async () => {
    const phone = await known();
    const received = (await chat(phone, 'chat'))!;
    expect(received).toMatchObject({ session_id: phone.session, ring: true, held: false });
    expect(await result(received.message_id)).toBeNull();
    const turn = await phone.claimed();
    expect(await engine.complete(turn, 'part one,', 'part two')).toMatchObject({ outcome: 'answered', is_due: false, waiters: [] });
    expect(await result(received.message_id)).toMatchObject({
      status: 'answered',
      turn_status: 'answered',
      turn_id: turn.turn_id,
      message: 'part one, part two',
    });
    engine.pass(60_000);
    expect((await engine.due()).sends).toEqual([]);
    expect((await engine.take(received.message_id)).state).toBe('empty');
    expect((await engine.outbound(phone.from)).slice(1)).toMatchObject([
      { status: 'returned', handed_via: null },
      { status: 'returned', handed_via: null },
    ]);
  });

  it('it does not hold the answers of the phone back', async () => {
    const phone = await known();
    const received = (await chat(phone, 'chat'))!;
    await engine.complete(await phone.claimed());
    expect(await result(received.message_id)).toMatchObject({ status: 'answered' });
    const { text } = await phone.answered();
    expect(await engine.take(text)).toMatchObject({ state: 'send' });
  });

  it('a chat text whose turn fails tells its caller so', async () => {
    const phone = await known();
    const received = (await chat(phone, 'chat'))!;
    await engine.fail(await phone.claimed(), null);
    expect(await result(received.message_id)).toMatchObject({ status: 'answered', turn_status: 'apologised' });
    engine.pass(60_000);
    expect((await engine.due()).sends).toEqual([]);
  });

  it('STOP closes a chat text that waits', async () => {
    const phone = await known();
    const received = (await chat(phone, 'chat'))!;
    await phone.text({ body: 'STOP', intent: 'opt_out', intent_source: 'keyword' });
    expect(await result(received.message_id)).toMatchObject({ status: 'closed', turn_status: null });
  });

  it('no such session: a wrong handle, another account’s, an ended one, one that has been idle for a day', async () => {
    const phone = await known();
    const stranger = await engine.cell<string>(`insert into security.accounts (name) values ('theirs') returning id`);
    expect(await engine.sql.value('routing.receive_chat', [engine.account, randomUUID(), 'chat', null, engine.now])).toBeNull();
    expect(await chat(phone, 'chat', stranger)).toBeNull();
    engine.pass(24 * 3_600_000 + 1);
    expect(await chat(phone, 'chat')).toBeNull();
    await engine.sql.value('routing.end_idle_sessions', [engine.now, 1_000]);
    expect(await chat(phone, 'chat')).toBeNull();
  });

  it('a session that a person owns takes no chat text', async () => {
    const phone = await known();
    await engine.rows(`update routing.agent_sessions set owner = 'person' where id = $1`, [phone.session]);
    expect(await chat(phone, 'chat')).toEqual({ held: true });
    expect(await phone.claim()).toMatchObject({ outcome: 'nothing' });
  });
});
