import { randomUUID } from 'node:crypto';
import { SecretBox } from '@darkspere/platform';
import { createTestDatabase, type TestDatabase } from '@darkspere/testing';
import { DataSource } from 'typeorm';
import { AgentEntity } from './agent.entity.js';
import { failedReport, passedReport } from './agents.fixture.js';
import { AgentsRepository, type NewAgent } from './agents.repository.js';

const SECRET = 'sk_live_0123456789';
const box = new SecretBox(`k1:${Buffer.alloc(32, 7).toString('base64')}`);

describe('AgentsRepository', () => {
  let database: TestDatabase;
  let source: DataSource;
  let agents: AgentsRepository;
  let accountId: string;
  beforeAll(async () => {
    database = await createTestDatabase();
    source = await new DataSource({ type: 'postgres', url: database.url, entities: [AgentEntity], poolSize: 4 }).initialize();
    agents = new AgentsRepository(source.getRepository(AgentEntity), box);
    const { rows } = await database.pool.query<{ id: string }>(`insert into security.accounts (name) values ('ours') returning id`);
    accountId = rows[0]!.id;
  });
  afterAll(async () => {
    await source?.destroy();
    await database?.drop();
  });

  const add = (changes: Partial<NewAgent> = {}) =>
    agents.add({
      accountId,
      agentName: 'Support',
      endpointUrl: 'https://a.example.com/',
      credential: SECRET,
      dialect: null,
      maxConcurrentSessions: 10,
      ...changes,
    });

  it('a stored credential is sealed to its row', async () => {
    const [one, other] = [await add(), await add()];
    const { rows } = await database.pool.query<{ row: string }>(
      'select row_to_json(a)::text as row from registry.agent_registry a where id = $1',
      [one.id],
    );
    expect(rows[0]!.row).not.toContain(SECRET);
    expect(agents.credentialOf(await agents.get(accountId, one.id))).toBe(SECRET);
    expect(() => agents.credentialOf({ ...one, id: other.id })).toThrow();
  });

  it('every safe integer of sessions comes back as the number it was', async () => {
    const { id } = await add({ maxConcurrentSessions: Number.MAX_SAFE_INTEGER });
    expect((await agents.get(accountId, id)).maxConcurrentSessions).toBe(Number.MAX_SAFE_INTEGER);
  });

  it('a pending agent that passes is active and has what the probe found', async () => {
    const agent = await add();
    await agents.saveReport(agent, passedReport({ tools: ['chat', 'b'], requestTypes: ['chat.request'], prior: { v: 1 } }));
    const saved = await agents.get(accountId, agent.id);
    expect(saved).toMatchObject({
      status: 'active',
      dialect: 'mcp',
      tools: ['chat', 'b'],
      requestTypes: ['chat.request'],
      prior: { v: 1 },
    });
    expect(saved.report).not.toHaveProperty('prior');
  });

  it('a failing probe takes nothing from an active agent but leaves its report', async () => {
    const agent = await add();
    await agents.saveReport(agent, passedReport());
    await agents.saveReport(await agents.get(accountId, agent.id), failedReport());
    expect(await agents.get(accountId, agent.id)).toMatchObject({
      status: 'active',
      dialect: 'mcp',
      tools: ['chat'],
      report: { passed: false },
    });
  });

  it.each(['degraded', 'offline', 'draining'] as const)(
    'passing a probe does not end %s: health and the owner decide that',
    async (status) => {
      const agent = await add({ status, dialect: 'mcp' });
      await agents.saveReport(agent, passedReport());
      expect((await agents.get(accountId, agent.id)).status).toBe(status);
    },
  );

  it('the report of an endpoint that was replaced while it was probed is dropped', async () => {
    const before = await add();
    await agents.reconnect(
      before,
      { endpointUrl: 'https://b.example.com/', credential: SECRET, dialect: null },
      passedReport({ dialect: 'chat' }),
      {},
    );
    await agents.saveReport(before, failedReport());
    expect(await agents.get(accountId, before.id)).toMatchObject({
      endpointUrl: 'https://b.example.com/',
      dialect: 'chat',
      report: { passed: true },
    });
  });

  it('of two changes of the connection at once, one wins and the other hears of it', async () => {
    const agent = await add();
    const results = await Promise.all([
      agents.reconnect(agent, { endpointUrl: 'https://b.example.com/', credential: 'b'.repeat(9), dialect: null }, passedReport(), {}),
      agents.reconnect(agent, { endpointUrl: 'https://c.example.com/', credential: 'c'.repeat(9), dialect: null }, passedReport(), {}),
    ]);
    expect(results.sort()).toEqual([false, true]);
    const saved = await agents.get(accountId, agent.id);
    expect(agents.credentialOf(saved)).toBe(saved.endpointUrl.charAt(8).repeat(9));
  });

  it('a status that health has changed meanwhile is not overwritten, other fields are', async () => {
    const agent = await add({ status: 'active', dialect: 'mcp' });
    await database.pool.query(`update registry.agent_registry set status = 'offline' where id = $1`, [agent.id]);
    expect(await agents.change(agent, { status: 'draining' })).toBe(false);
    expect(await agents.change(agent, { agentName: 'New' })).toBe(true);
    expect(await agents.get(accountId, agent.id)).toMatchObject({ status: 'offline', agentName: 'New' });
  });

  it('a retired agent is unknown and keeps no credential', async () => {
    const agent = await add();
    await agents.retire(agent);
    await expect(agents.get(accountId, agent.id)).rejects.toMatchObject({ code: 'agent_not_found' });
    const { rows } = await database.pool.query('select status, credential_ciphertext from registry.agent_registry where id = $1', [
      agent.id,
    ]);
    expect(rows).toEqual([{ status: 'retired', credential_ciphertext: null }]);
    expect(await agents.change(agent, { agentName: 'Back' })).toBe(false);
  });

  it("another account's agent is unknown, unlisted and unchanged", async () => {
    const agent = await add();
    const stranger = { ...agent, accountId: randomUUID() };
    await expect(agents.get(stranger.accountId, agent.id)).rejects.toMatchObject({ code: 'agent_not_found' });
    expect(await agents.page(stranger.accountId, { limit: 50 })).toEqual([]);
    expect(await agents.change(stranger, { agentName: 'Theirs' })).toBe(false);
    await agents.retire(stranger);
    expect(await agents.get(accountId, agent.id)).toMatchObject({ agentName: 'Support', status: 'pending' });
  });
});
