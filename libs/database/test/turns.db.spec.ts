import { Engine, type Phone } from './engine.fixture.js';

describe('which texts make a turn, and when it starts', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await Engine.start();
  });
  afterAll(() => engine?.stop());

  const bodies = async (phone: Phone): Promise<string[]> => (await phone.claimed()).texts.map(({ body }) => body);
  /** A phone whose first text's turn runs. */
  const busy = async (policy: string): Promise<Phone> => {
    const phone = await engine.phone(policy);
    await phone.text('first');
    return phone;
  };

  it('a text that finds nothing unanswered may start at once, also right after an answer', async () => {
    const phone = await engine.phone();
    for (const body of ['one', 'two']) {
      expect(await phone.text(body)).toMatchObject({ ring: true });
      const turn = await phone.claimed();
      expect(turn.texts.map((text) => text.body)).toEqual([body]);
      await engine.complete(turn);
    }
  });

  it('one turn of a session runs at a time', async () => {
    const phone = await engine.phone();
    await phone.text();
    const claims = await Promise.all(Array.from({ length: 8 }, () => phone.claim()));
    expect(claims.map(({ outcome }) => outcome).sort()).toEqual(['claimed', ...Array<string>(7).fill('running')]);
    expect(await phone.text()).toMatchObject({ ring: false });
  });

  it('a claim of an unknown, an answered or an ended session finds nothing', async () => {
    const phone = await engine.phone();
    await phone.answered();
    expect(await phone.claim()).toMatchObject({ outcome: 'nothing' });
    expect(await engine.claim('00000000-0000-7000-8000-000000000000')).toBeUndefined();
  });

  it('a batch of claims takes each session once and says what became of each', async () => {
    const [one, two, three, four] = [await engine.phone(), await engine.phone(), await engine.phone(), await engine.phone()];
    for (const phone of [one, four]) await phone.text();
    await two.texts('a', 'b');
    await three.answered();
    await one.claimed();
    const sessions = [two.session, three.session, one.session, two.session, four.session];
    const claims = await engine.sql.values<{ session_id: string; outcome: string }>('routing.claim_turns', [
      sessions,
      [null, null, null, null, four.lease],
      engine.now,
      '4 seconds',
    ]);
    expect(new Map(claims.map(({ session_id, outcome }) => [session_id, outcome]))).toEqual(
      new Map([
        [one.session, 'running'],
        [two.session, 'claimed'],
        [three.session, 'nothing'],
        [four.session, 'claimed'],
      ]),
    );
    expect(claims).toHaveLength(4);
  });

  it('coalesce: texts during a turn are answered together after 400 ms of quiet', async () => {
    const phone = await busy('coalesce');
    const first = await phone.claimed();
    await phone.text('second');
    engine.pass(300);
    await phone.text('third');
    const end = await engine.complete(first);
    expect(new Date(end.more_at!)).toEqual(engine.after(400));
    expect(await phone.claim()).toMatchObject({ outcome: 'later' });
    engine.pass(399);
    expect(await phone.claim()).toMatchObject({ outcome: 'later' });
    engine.pass(1);
    expect(await bodies(phone)).toEqual(['second', 'third']);
  });

  it('coalesce: quiet that has passed when the turn ends need not be waited for again', async () => {
    const phone = await busy('coalesce');
    const first = await phone.claimed();
    await phone.text('second');
    engine.pass(1_000);
    expect(new Date((await engine.complete(first)).more_at!)).toEqual(engine.now);
    expect(await bodies(phone)).toEqual(['second']);
  });

  it('coalesce: each further text moves the start, but not beyond 2 s after the turn’s end, and rings nobody', async () => {
    const phone = await busy('coalesce');
    const first = await phone.claimed();
    await phone.text('1');
    await engine.complete(first);
    for (const body of ['2', '3', '4', '5', '6']) {
      engine.pass(390);
      expect(await phone.text(body)).toMatchObject({ ring: false });
      expect(await phone.claim()).toMatchObject({ outcome: 'later' });
    }
    engine.pass(49);
    expect(await phone.claim()).toMatchObject({ outcome: 'later' });
    engine.pass(1);
    expect(await bodies(phone)).toEqual(['1', '2', '3', '4', '5', '6']);
  });

  it('four texts within a second to a 1 s agent make two turns that cover each of them, answered in order', async () => {
    const phone = await engine.phone();
    const { message_id } = await phone.text('1');
    const first = await phone.claimed();
    const rest: string[] = [];
    for (const body of ['2', '3', '4']) {
      engine.pass(250);
      rest.push((await phone.text(body)).message_id);
    }
    engine.pass(250);
    await engine.complete(first, 're 1');
    expect(await engine.take(message_id)).toMatchObject({ state: 'send', body: 're 1' });
    engine.pass(400);
    const second = await phone.claimed();
    expect(second.texts.map(({ id }) => id)).toEqual(rest);
    engine.pass(1_000);
    await engine.complete(second, 're 2 to 4');
    expect((await engine.outbound(phone.from)).map(({ body }) => body)).toEqual(['re 1', 're 2 to 4']);
    expect(await engine.session(phone.session)).toMatchObject({ last_seq: '4', done_seq: '4', waiting: [], turn_id: null });
  });

  it('enqueue: one by one, without a pause', async () => {
    const phone = await busy('enqueue');
    const first = await phone.claimed();
    await phone.text('second');
    await phone.text('third');
    expect(new Date((await engine.complete(first)).more_at!)).toEqual(engine.now);
    const second = await phone.claimed();
    expect(second.texts.map(({ body }) => body)).toEqual(['second']);
    await engine.complete(second);
    expect(await bodies(phone)).toEqual(['third']);
  });

  it('merge: a young turn is replaced by one with all texts, and the void one cannot complete', async () => {
    const phone = await busy('merge');
    const first = await phone.claimed();
    engine.pass(1_000);
    expect(await phone.text('second')).toMatchObject({ ring: true });
    const merged = await phone.claimed();
    expect(merged).toMatchObject({ superseded: first.turn_id, attempt: 1 });
    expect(merged.turn_id).not.toBe(first.turn_id);
    expect(merged.texts.map(({ body }) => body)).toEqual(['first', 'second']);
    expect(await engine.complete(first)).toMatchObject({ outcome: 'void' });
    expect(await engine.fail(first, 0)).toMatchObject({ outcome: 'void' });
    expect(await engine.complete(merged, 'both')).toMatchObject({ outcome: 'answered' });
    expect((await engine.outbound(phone.from)).map(({ body }) => body)).toEqual(['both']);
    expect(await engine.cell('select status from routing.turns where id = $1', [first.turn_id])).toBe('superseded');
  });

  it('merge: 2 s after the first of the merged turns began, later texts wait for the next turn', async () => {
    const phone = await busy('merge');
    await phone.claimed();
    engine.pass(1_900);
    await phone.text('second');
    const merged = await phone.claimed();
    engine.pass(100);
    await phone.text('third');
    expect(await phone.claim()).toMatchObject({ outcome: 'running' });
    await engine.complete(merged);
    engine.pass(400);
    expect(await bodies(phone)).toEqual(['third']);
  });

  it('merge: nothing new, nothing replaced', async () => {
    const phone = await busy('merge');
    await phone.claimed();
    expect(await phone.claim()).toMatchObject({ outcome: 'running' });
  });

  it('a turn takes at most 50 texts', async () => {
    const phone = await busy('coalesce');
    const first = await phone.claimed();
    await engine.accept(Array.from({ length: 60 }, (_, i) => phone.form({ body: String(i) })));
    await engine.complete(first);
    engine.pass(400);
    const second = await phone.claimed();
    expect(second.texts).toHaveLength(50);
    await engine.complete(second);
    engine.pass(400);
    expect(await bodies(phone)).toEqual(['50', '51', '52', '53', '54', '55', '56', '57', '58', '59']);
  });

  it('the agent is told what was said before, but not what waits or never left', async () => {
    const phone = await engine.phone();
    const { text } = await phone.answered('one', 're: one');
    await engine.take(text);
    await phone.text('two');
    const turn = await phone.claimed();
    expect(turn).toMatchObject({ handle: expect.any(String) as string, phone: null });
    expect(turn.history.map(({ role, content }) => [role, content])).toEqual([
      ['user', 'one'],
      ['assistant', 're: one'],
    ]);
  });

  it('only an agent with a grant gets the phone number', async () => {
    const phone = engine.phoneTo(await engine.number(await engine.agent({ has_phone_grant: true })));
    await phone.text();
    expect(await phone.claimed()).toMatchObject({ phone: phone.from });
  });

  it('a batch of completions stores what is still held and voids the rest', async () => {
    const [one, two] = [await engine.phone(), await engine.phone()];
    await one.text();
    await two.text();
    const [a, b] = [await one.claimed(), await two.claimed()];
    const item = ({ session_id, turn_id, lease_token }: typeof a): object => ({
      session_id,
      turn_id,
      lease_token,
      parts: [{ body: 'x', segments: 1, encoding: 'GSM-7' }],
      hops: [],
    });
    const wrongToken = { ...a, lease_token: b.lease_token };
    const wrongTurn = { ...a, turn_id: b.turn_id };
    const items = [item(b), item(wrongToken), item(wrongTurn), item(a), item(a)];
    const ends = await engine.sql.values<{ outcome: string; turn_id: string }>('routing.complete_turns', [
      JSON.stringify(items),
      engine.now,
    ]);
    expect(ends.map(({ outcome }) => outcome).sort()).toEqual(['answered', 'answered', 'void', 'void', 'void']);
    expect(
      ends
        .filter(({ outcome }) => outcome === 'answered')
        .map(({ turn_id }) => turn_id)
        .sort(),
    ).toEqual([a.turn_id, b.turn_id].sort());
    expect(await engine.outbound(one.from)).toHaveLength(1);
  });

  it('a turn is billed once', async () => {
    const phone = await engine.phone();
    const { turn } = await phone.answered('hi', 'part one', 'part two');
    expect(await engine.rows('select kind, quantity from billing.usage_ledger where source_id = $1', [turn])).toEqual([
      { kind: 'agent_turn', quantity: '1' },
    ]);
  });
});
