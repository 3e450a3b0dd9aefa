import { randomUUID } from 'node:crypto';
import { Sql } from '@darkspere/database';
import { mergePatch } from '@darkspere/domain';
import { createTestDatabase, type TestDatabase } from '@darkspere/testing';
import { ConversationService } from '../conversation/conversation.service.js';
import { knowledge } from '../conversation/talk.fixture.js';
import { TurnsRepository } from './turns.repository.js';
import { TurnsService } from './turns.service.js';

interface Draft {
  message: string;
  session_state: Record<string, unknown>;
  metadata: Record<string, unknown>;
}
interface Accepted {
  session_id: string;
  lease_token: string | null;
}
interface Claim {
  turn_id: string;
  session_id: string;
  lease_token: string;
  state: Record<string, unknown>;
}

describe('turns of the built-in agent', () => {
  let database: TestDatabase;
  let sql: Sql;
  let account: string;
  let turns: TurnsService;
  let repository: TurnsRepository;
  beforeAll(async () => {
    database = await createTestDatabase();
    sql = new Sql(database.pool);
    repository = new TurnsRepository(sql);
    turns = new TurnsService(repository, new ConversationService(knowledge, null));
    account = await sql.value('security.ensure_default_account', ['ours']);
    const agent = await sql.value('registry.ensure_builtin_agent', [account]);
    await sql.value('messaging.ensure_number', [account, '+15550001000', agent]);
  });
  afterAll(() => database?.drop());

  /** Texts of one phone that are stored together. */
  const text = async (from: string, ...bodies: string[]): Promise<Accepted> => {
    const inbound = bodies.map((body) => ({
      account_id: account,
      account_sid: 'AC1',
      message_sid: randomUUID(),
      from,
      to: '+15550001000',
      channel: 'sms',
      body,
      segments: 1,
      encoding: 'GSM-7',
      fields: {},
      handle: randomUUID(),
      received_at: new Date(),
    }));
    const [accepted] = await sql.values<Accepted>('messaging.accept_inbound', [JSON.stringify(inbound), new Date()]);
    return accepted!;
  };
  const claim = async ({ session_id, lease_token }: Accepted): Promise<Claim> =>
    (await sql.values<Claim>('routing.claim_turns', [[session_id], [lease_token], new Date(), '4 seconds']))[0]!;
  const draftOf = ({ turn_id }: Claim): Promise<Draft | null> => sql.value('routing.read_draft', [turn_id]);
  /** As mcp-adapter ends a turn: the state that was stored is a patch of the session's. */
  const complete = async (claimed: Claim): Promise<void> => {
    const { message, session_state } = (await draftOf(claimed))!;
    const answer = {
      parts: [{ body: message, segments: 1, encoding: 'GSM-7' }],
      state: mergePatch(claimed.state, session_state),
      hops: [],
    };
    await sql.values('routing.complete_turns', [
      JSON.stringify([{ session_id: claimed.session_id, turn_id: claimed.turn_id, lease_token: claimed.lease_token, ...answer }]),
      new Date(),
    ]);
  };

  it('reads a running turn, stores the reply, and remembers through the session', async () => {
    const session = await text('+15550002001', 'hi, what does your enterprise plan cost?');
    const first = await claim(session);
    await turns.answer(first.turn_id);
    expect(await draftOf(first)).toMatchObject({
      message: expect.stringMatching(/^Hi, I'm DarkSpere's AI assistant.*\$1,499 a month.*\?$/) as string,
      metadata: { by: 'rules' },
    });
    await complete(first);

    const next = await text('+15550002001', "I'm Ana from Acme, 200 people");
    const second = await claim(next);
    expect(await repository.context(second.turn_id)).toMatchObject({
      message: "I'm Ana from Acme, 200 people",
      history: [{ role: 'user', content: 'hi, what does your enterprise plan cost?' }, { role: 'assistant' }],
      first_contact: false,
    });
    await turns.answer(second.turn_id);
    const draft = await draftOf(second);
    expect(draft!.message).toBe('Thanks, Ana. What would you like to use it for?');
    expect(draft!.session_state).toMatchObject({ engagement: { profile: { name: 'Ana', company: 'Acme', company_size: 'Mid-Market' } } });
  });

  it('reads several texts of one turn as one message', async () => {
    const claimed = await claim(await text('+15550002002', 'how much is growth', 'is there a trial'));
    await turns.answer(claimed.turn_id);
    expect((await draftOf(claimed))!.message).toMatch(/Growth.*\$199.*trial/);
  });

  it('stores nothing for a turn that is over or never was', async () => {
    const session = await text('+15550002003', 'hi');
    const claimed = await claim(session);
    await turns.answer(claimed.turn_id);
    await complete(claimed);
    expect(await repository.context(claimed.turn_id)).toBeNull();
    await turns.answer(claimed.turn_id);
    await turns.answer(randomUUID());
    expect(await draftOf(claimed)).toBeNull();
  });

  it('stores the same draft when it is asked twice', async () => {
    const claimed = await claim(await text('+15550002004', 'is it secure?'));
    await turns.answer(claimed.turn_id);
    const draft = await draftOf(claimed);
    await new TurnsService(repository, new ConversationService(knowledge, null)).answer(claimed.turn_id);
    expect(await draftOf(claimed)).toEqual(draft);
  });
});
