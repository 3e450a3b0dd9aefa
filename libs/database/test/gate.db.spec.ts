import { Engine, type Phone } from './engine.fixture.js';

interface Decision {
  id: string;
  verdict: string;
  rule: string;
}

describe('the send gate', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await Engine.start();
  });
  beforeEach(() => engine.clear());
  afterAll(() => engine?.stop());

  const decisions = (messageId: string): Promise<Decision[]> =>
    engine.rows('select * from messaging.send_decisions where message_id = $1 order by id', [messageId]);
  const talk = async (phone: Phone, answer: string): Promise<{ text: string; answer: string; state: string }> => {
    const { text, answer: id } = await phone.answered('hi', answer);
    const { state } = await engine.take(text);
    await engine.receipt(id, `SM-${id}`, 'sent');
    return { text, answer: id, state };
  };

  it('every hand-out has a decision of its own, which the message names', async () => {
    const phone = await engine.phone();
    const { text, answer } = await phone.answered();
    await engine.take(text);
    const [first] = await decisions(answer);
    expect(first).toMatchObject({ verdict: 'allow', rule: 'none' });
    expect(await engine.message(answer)).toMatchObject({ decision_id: first!.id, handed_via: 'twiml' });
    await engine.sql.value('messaging.mark_written', [[answer]]);
    await engine.take(text);
    await engine.sql.value('messaging.requeue', [answer, engine.now]);
    engine.pass(3_500);
    expect((await engine.due()).sends.map(({ message_id }) => message_id)).toContain(answer);
    const all = await decisions(answer);
    expect(all).toHaveLength(3);
    expect(await engine.message(answer)).toMatchObject({ decision_id: all[2]!.id, handed_via: 'rest' });
  });

  it('an undecided look leaves no decision behind', async () => {
    const phone = await engine.phone();
    const { message_id } = await phone.text();
    await engine.take(message_id);
    await engine.complete(await phone.claimed());
    const { answer_id: answer } = await engine.message(message_id);
    expect(await decisions(answer!)).toEqual([]);
  });

  it('no message can be marked as handed out without a decision', async () => {
    const phone = await engine.phone();
    const { answer } = await phone.answered();
    await expect(engine.rows(`update messaging.message_history set handed_via = 'rest' where id = $1`, [answer])).rejects.toMatchObject({
      constraint: 'no_send_without_decision',
    });
    await expect(
      engine.rows(`update messaging.message_history set handed_via = 'rest', decision_id = uuidv7() where id = $1`, [answer]),
    ).rejects.toThrow(/foreign key/);
  });

  it('a decision that a message names cannot be removed', async () => {
    const { answer } = await talk(await engine.phone(), 'fine');
    await expect(engine.rows('delete from messaging.send_decisions where message_id = $1', [answer])).rejects.toThrow(/foreign key/);
  });

  it.each([
    ['content:public_link_shortener', 'See https://bit.ly/3xyz'],
    ['content:payment_card_number', 'Your card 4111 1111 1111 1111 was charged'],
    ['content:social_security_number', 'Your SSN is 078-05-1120.'],
  ])('an answer against the rule %s is refused, kept with the rule, and raises an alert', async (rule, body) => {
    const phone = await engine.phone();
    const { text, answer } = await phone.answered('hi', body);
    expect(await engine.take(text)).toMatchObject({ state: 'empty', alert: { kind: 'send_refused', severity: 'warning' } });
    expect(await decisions(answer)).toMatchObject([{ verdict: 'refuse', rule }]);
    expect(await engine.message(answer)).toMatchObject({ status: 'refused', handed_via: null, body });
    expect((await engine.message(answer)).transmission_path.at(-1)).toMatchObject({ hop: 'refused', rule });
    engine.pass(3_500);
    expect((await engine.due()).sends).toEqual([]);
    expect(await engine.take(text)).toEqual({ state: 'empty' });
  });

  it.each(['Order 4111-22', 'Call 555-01-123', 'orbit.ly is ours', 'robot.com/4'])('"%s" is no match of a content rule', async (body) => {
    expect(await talk(await engine.phone(), body)).toMatchObject({ state: 'send' });
  });

  it('a refused answer does not hold later ones back', async () => {
    const phone = await engine.phone();
    await phone.answered('1', 'bit.ly/x');
    await phone.answered('2', 'fine');
    engine.pass(3_500);
    const { sends, alerts } = await engine.due();
    expect(alerts).toMatchObject([{ kind: 'send_refused' }]);
    expect([...sends, ...(await engine.due()).sends].map(({ body }) => body)).toEqual(['fine']);
  });

  it('a content rule of an account binds that account only', async () => {
    await engine.rows(`insert into messaging.content_rules (account_id, name, pattern) values ($1, 'no_swearing', 'damn')`, [
      engine.account,
    ]);
    const stranger = await engine.cell<string>(`insert into security.accounts (name) values ('theirs') returning id`);
    const theirs = engine.phoneTo(await engine.number(await engine.agent({ account_id: stranger }), stranger));
    const [accepted] = await engine.accept([theirs.form({ account_id: stranger })]);
    await engine.complete(await engine.claimed(accepted!.session_id!, accepted!.lease_token), 'damn');
    expect(await engine.take(accepted!.message_id!)).toMatchObject({ state: 'send' });
    expect(await talk(await engine.phone(), 'damn')).toMatchObject({ state: 'empty' });
  });

  it('loop breaker: after 20 replies in a row, each within 30 s of the one before, the next ones are refused', async () => {
    const phone = await engine.phone();
    for (let reply = 1; reply <= 20; reply += 1) {
      expect(await talk(phone, `reply ${reply}`)).toMatchObject({ state: 'send' });
      engine.pass(29_000);
    }
    const { state, answer } = await talk(phone, 'reply 21');
    expect(state).toBe('empty');
    expect(await decisions(answer)).toMatchObject([{ verdict: 'refuse', rule: 'loop_breaker' }]);
    expect(await engine.alerts('loop_breaker')).toMatchObject([{ kind: 'send_refused' }]);
    engine.pass(30_000);
    expect(await talk(phone, 'still one of the row')).toMatchObject({ state: 'empty' });
    engine.pass(30_001);
    expect(await talk(phone, 'a new row')).toMatchObject({ state: 'send' });
  });

  it('what is handed out is billed by its segments, once, also when it is handed out again', async () => {
    const phone = await engine.phone();
    const { message_id } = await phone.text();
    const turn = await phone.claimed();
    const { session_id, turn_id, lease_token } = turn;
    await engine.sql.values('routing.complete_turns', [
      JSON.stringify([{ session_id, turn_id, lease_token, parts: [{ body: 'long', segments: 4, encoding: 'UCS-2' }], hops: [] }]),
      engine.now,
    ]);
    const { answer_id } = await engine.take(message_id);
    await engine.sql.value('messaging.requeue', [answer_id, engine.now]);
    await engine.due();
    expect(await engine.rows('select kind, quantity from billing.usage_ledger where source_id = $1', [answer_id])).toEqual([
      { kind: 'outbound_segment', quantity: '4' },
    ]);
  });

  it('what is refused is not billed', async () => {
    const { answer } = await talk(await engine.phone(), 'bit.ly/x');
    expect(await engine.rows('select from billing.usage_ledger where source_id = $1', [answer])).toEqual([]);
  });
});
