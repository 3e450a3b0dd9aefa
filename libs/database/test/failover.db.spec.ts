import { Engine, type Phone } from './engine.fixture.js';

interface Moved {
  moved: number;
  left: number;
  rings: string[];
}

describe('failover', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await Engine.start();
  });
  afterAll(() => engine?.stop());

  const failOver = (agent: string): Promise<Moved> => engine.sql.value('routing.fail_over', [agent, engine.now]);
  const setStatus = (agent: string, status: string) =>
    engine.rows('update registry.agent_registry set status = $2 where id = $1', [agent, status]);
  const agentOf = async (phone: Phone): Promise<unknown> => (await engine.session(phone.session)).agent_id;
  let pools = 0;
  /** Agents of one pool with so much room each, the first of them with sessions of that many phones. */
  const pool = async (phones: number, ...rooms: number[]): Promise<{ agents: string[]; phones: Phone[] }> => {
    const name = `pool ${(pools += 1)}`;
    const agents: string[] = [];
    for (const room of [1_000, ...rooms]) agents.push(await engine.agent({ pool: name, max_concurrent_sessions: room }));
    const number = await engine.number(agents[0]!);
    const all = Array.from({ length: phones }, () => engine.phoneTo(number));
    for (const phone of all) await phone.answered();
    return { agents, phones: all };
  };

  it('its sessions move to the best of its pool; who waits for an answer is rung for', async () => {
    const { agents, phones } = await pool(3, 100);
    await phones[1]!.text('hello?');
    await setStatus(agents[0]!, 'offline');
    expect(await failOver(agents[0]!)).toEqual({ moved: 3, left: 0, rings: [phones[1]!.session] });
    for (const phone of phones) expect(await agentOf(phone)).toBe(agents[1]);
  });

  it('the running turn is void, and asked again of the other agent under the same id; one answer is stored', async () => {
    const { agents, phones } = await pool(1, 100);
    const phone = phones[0]!;
    await phone.text('hello?');
    const lost = await phone.claimed();
    await setStatus(agents[0]!, 'offline');
    await failOver(agents[0]!);
    const again = await phone.claimed();
    expect(again).toMatchObject({ turn_id: lost.turn_id, agent_id: agents[1], attempt: 2, texts: lost.texts });
    expect(again.history.length).toBe(2);
    expect(await engine.complete(lost, 'late')).toMatchObject({ outcome: 'void' });
    expect(await engine.complete(again, 'in time')).toMatchObject({ outcome: 'answered' });
    expect((await engine.outbound(phone.from)).map(({ body }) => body)).toEqual(['re: hello', 'in time']);
  });

  it('as far as the others have room, the best first; who finds none stays, and moves when one has', async () => {
    const { agents, phones } = await pool(6, 2, 3);
    await setStatus(agents[0]!, 'offline');
    expect(await failOver(agents[0]!)).toMatchObject({ moved: 5, left: 1 });
    const placed = await Promise.all(phones.map(agentOf));
    expect(agents.map((agent) => placed.filter((one) => one === agent).length)).toEqual([1, 2, 3]);
    const last = phones[placed.indexOf(agents[0])]!;
    await last.text('anybody?');
    expect(await last.claim()).toMatchObject({ outcome: 'no_agent' });
    await engine.rows('update registry.agent_registry set max_concurrent_sessions = 10 where id = $1', [agents[1]]);
    engine.pass(1_000);
    expect(await last.claim()).toMatchObject({ outcome: 'claimed', agent_id: agents[1] });
  });

  it('never to another pool, nor to an agent that is not well', async () => {
    const { agents } = await pool(2, 10);
    await pool(0, 10);
    for (const agent of agents) await setStatus(agent, 'offline');
    expect(await failOver(agents[0]!)).toMatchObject({ moved: 0, left: 2 });
  });

  it('1,000 sessions move in one statement, each to one agent', async () => {
    const { agents, phones } = await pool(1, 600, 600);
    const { contact_id: contact, number_id: number } = (await engine.session(phones[0]!.session)) as {
      contact_id: string;
      number_id: string;
    };
    expect(contact).toBeTruthy();
    await engine.rows(
      `insert into routing.agent_sessions (account_id, number_id, contact_id, handle, agent_id, bound_agent_id, last_text_at, started_at)
       select $1, $2, gen_random_uuid(), gen_random_uuid()::text, $3, $3, now(), now() from generate_series(1, 999)`,
      [engine.account, number, agents[0]],
    );
    await setStatus(agents[0]!, 'offline');
    expect(await failOver(agents[0]!)).toEqual({ moved: 1_000, left: 0, rings: [] });
    const counts = await engine.rows<{ n: number }>(
      'select count(*)::int as n from routing.agent_sessions where agent_id = any ($1) group by agent_id order by n',
      [agents],
    );
    expect(counts).toEqual([{ n: 400 }, { n: 600 }]);
  });
});
