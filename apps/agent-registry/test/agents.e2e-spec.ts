import { randomUUID } from 'node:crypto';
import { DomainError } from '@darkspere/domain';
import { SecretBox } from '@darkspere/platform';
import { failedReport, passedReport } from '../src/agents/agents.fixture.js';
import { Registry, type Caller } from './registry.harness.js';

const SECRET = 'sk_live_0123456789';
const BODY = { agent_name: 'Support', endpoint_url: 'http://127.0.0.1:9/mcp', api_key: SECRET, max_concurrent_sessions: 100 };

describe('/api/v1/agents', () => {
  let registry: Registry;
  let writer: Caller;
  let stranger: Caller;
  beforeAll(async () => {
    registry = await Registry.start();
    writer = await registry.as('write');
    stranger = await registry.as('admin', registry.otherAccount);
  });
  afterAll(() => registry?.stop());
  beforeEach(async () => {
    registry.adapter.answer = () => passedReport();
    await registry.database.pool.query('delete from registry.agent_registry');
  });

  const register = async (changes: object = {}): Promise<string> =>
    (await writer.post('/agents/register', { ...BODY, ...changes }).expect(201)).body.agent_id;
  const endpointOf = async (id: string) => {
    const { rows } = await registry.database.pool.query('select registry.agent_endpoint($1) as endpoint', [id]);
    const { endpoint_url, credential_ciphertext, dialect } = rows[0].endpoint;
    const box = new SecretBox(process.env.ENCRYPTION_KEYS!);
    return { endpoint_url, dialect, credential: credential_ciphertext && box.open(credential_ciphertext, `registry.agent_registry|${id}`) };
  };

  describe('GET', () => {
    it('lists the own agents, newest first, a page at a time', async () => {
      const ids = [await register(), await register(), await register()].reverse();
      const reader = await registry.as('read');
      const { body: first } = await reader.get('/agents?limit=2').expect(200);
      expect(first.agents.map(({ agent_id }: { agent_id: string }) => agent_id)).toEqual(ids.slice(0, 2));
      const { body: second } = await reader.get(`/agents?limit=2&before=${ids[1]}`);
      expect(second.agents.map(({ agent_id }: { agent_id: string }) => agent_id)).toEqual(ids.slice(2));
      expect((await stranger.get('/agents')).body).toEqual({ agents: [] });
    });

    it.each(['limit=0', 'limit=101', 'limit=x', 'limit=1&limit=2', 'limit=', 'before=1', "before=' or 1=1"])(
      '?%s is a bad request',
      async (query) => {
        const { status, body } = await writer.get(`/agents?${encodeURI(query)}`);
        expect([status, body.code]).toEqual([400, 'invalid_request']);
        expect(body.errors[0].field).toBe(query.split('=')[0]);
      },
    );

    it('shows one agent', async () => {
      const { body } = await writer.get(`/agents/${await register({ pool: 'p' })}`).expect(200);
      const { api_key: _, ...shown } = BODY;
      expect(body).not.toHaveProperty('api_key');
      expect(body).toMatchObject({
        ...shown,
        has_api_key: true,
        status: 'active',
        dialect: 'mcp',
        pool: 'p',
        double_text: 'coalesce',
        health_score: 100,
      });
    });
  });

  describe('an id', () => {
    const calls: [string, (caller: Caller, id: string) => Promise<{ status: number; body: { code: string } }>][] = [
      ['GET', (caller, id) => caller.get(`/agents/${id}`)],
      ['PATCH', (caller, id) => caller.patch(`/agents/${id}`, { agent_name: 'Mine' })],
      ['DELETE', (caller, id) => caller.delete(`/agents/${id}`)],
      ['POST probe', (caller, id) => caller.post(`/agents/${id}/probe`)],
    ];

    it.each(calls)('%s: that is unknown is not found', async (_, call) => {
      const { status, body } = await call(writer, randomUUID());
      expect([status, body.code]).toEqual([404, 'agent_not_found']);
    });

    it.each(calls)("%s: of another account's agent is not found, and nothing happens to it", async (_, call) => {
      const id = await register();
      const before = await registry.stored();
      const { status, body } = await call(stranger, id);
      expect([status, body.code]).toEqual([404, 'agent_not_found']);
      expect(await registry.stored()).toEqual(before);
    });

    it.each(calls)('%s: that is no UUID is a bad request', async (_, call) => {
      for (const id of ['1', encodeURIComponent("' or '1'='1"), '%00', '__proto__']) expect((await call(writer, id)).status).toBe(400);
    });

    it.each(calls)('%s: needs a key', async (_, call) => {
      expect((await call(await registry.as(null), randomUUID())).status).toBe(401);
    });

    it.each(calls.slice(1))('%s: needs the scope write', async (_, call) => {
      expect((await call(await registry.as('read'), randomUUID())).status).toBe(403);
    });
  });

  describe('PATCH', () => {
    it('changes what is named, without a probe, and leaves the rest', async () => {
      const id = await register();
      registry.adapter.probed.length = 0;
      const changes = { agent_name: 'New', max_concurrent_sessions: 7, pool: 'p', double_text: 'enqueue' };
      const { body } = await writer.patch(`/agents/${id}`, changes).expect(200);
      expect(body).toMatchObject({ ...changes, endpoint_url: BODY.endpoint_url, status: 'active', has_api_key: true });
      expect(registry.adapter.probed).toEqual([]);
    });

    it('another endpoint that passes its probe is in force, with the key there was', async () => {
      const id = await register();
      registry.adapter.answer = () => passedReport({ dialect: 'chat', tools: [] });
      const { body } = await writer.patch(`/agents/${id}`, { endpoint_url: 'http://127.0.0.1:10/chat' }).expect(200);
      expect(body).toMatchObject({ endpoint_url: 'http://127.0.0.1:10/chat', dialect: 'chat', status: 'active', report: { tools: [] } });
      expect(await endpointOf(id)).toEqual({ endpoint_url: 'http://127.0.0.1:10/chat', dialect: 'chat', credential: SECRET });
      expect(await registry.stored()).toHaveLength(1);
    });

    it('the probe asks at the new endpoint with the new key while the old ones are in force', async () => {
      const id = await register();
      let seen: unknown[] = [];
      registry.adapter.answer = async (probed) => {
        seen = [await endpointOf(probed), await endpointOf(id), (await writer.get('/agents')).body.agents.length];
        return passedReport();
      };
      await writer.patch(`/agents/${id}`, { endpoint_url: 'http://127.0.0.1:10/mcp', api_key: 'another-key' }).expect(200);
      expect(seen).toEqual([
        { endpoint_url: 'http://127.0.0.1:10/mcp', credential: 'another-key', dialect: null },
        { endpoint_url: BODY.endpoint_url, credential: SECRET, dialect: 'mcp' },
        1,
      ]);
      expect(await endpointOf(id)).toMatchObject({ endpoint_url: 'http://127.0.0.1:10/mcp', credential: 'another-key' });
    });

    it.each([{ endpoint_url: 'http://127.0.0.1:10/mcp' }, { api_key: 'another-key' }, { dialect: 'chat' }])(
      '%j that fails its probe changes nothing',
      async (change) => {
        const id = await register();
        const before = await registry.stored();
        registry.adapter.answer = () => failedReport();
        const { status, body, text } = await writer.patch(`/agents/${id}`, { ...change, agent_name: 'New' });
        expect(status).toBe(422);
        expect(body.code).toBe('agent_probe_failed');
        expect(body.errors).toMatchObject({ report: { passed: false, checks: [{ fix: 'Start the agent.' }] } });
        expect(text).not.toContain('another-key');
        expect(await registry.stored()).toEqual(before);
      },
    );

    it('an endpoint that may not be is refused unprobed', async () => {
      const id = await register();
      registry.adapter.probed.length = 0;
      const { status, body } = await writer.patch(`/agents/${id}`, { endpoint_url: 'http://169.254.169.254/' });
      expect([status, body.code]).toEqual([422, 'endpoint_refused']);
      expect(registry.adapter.probed).toEqual([]);
    });

    it('what nobody can probe just now changes nothing', async () => {
      const id = await register();
      const before = await registry.stored();
      registry.adapter.answer = () => {
        throw new DomainError('rpc_timeout', 'late');
      };
      const { status, body } = await writer.patch(`/agents/${id}`, { api_key: null });
      expect([status, body.code]).toEqual([503, 'unavailable']);
      expect(await registry.stored()).toEqual(before);
    });

    it('another endpoint has no grant of real phone numbers unless an admin says so again', async () => {
      const admin = await registry.as('admin');
      const { body } = await admin.post('/agents/register', { ...BODY, phone_number_grant: true }).expect(201);
      const path = `/agents/${body.agent_id}`;
      expect((await writer.patch(path, { api_key: 'another-key' })).body.phone_number_grant).toBe(true);
      expect((await writer.patch(path, { endpoint_url: 'http://127.0.0.1:10/mcp' })).body.phone_number_grant).toBe(false);
      expect((await admin.patch(path, { endpoint_url: BODY.endpoint_url, phone_number_grant: true })).body.phone_number_grant).toBe(true);
    });

    it('a pending agent whose endpoint was mended is active', async () => {
      registry.adapter.answer = () => failedReport();
      const id = await register();
      registry.adapter.answer = () => passedReport();
      const { body } = await writer.patch(`/agents/${id}`, { endpoint_url: 'http://127.0.0.1:10/mcp' }).expect(200);
      expect(body.status).toBe('active');
    });

    it('a draining agent gets no new sessions until it is active again', async () => {
      const id = await register();
      const picked = async () =>
        (await registry.database.pool.query('select registry.pick_agent($1, null) as id', [registry.account])).rows[0].id;
      expect((await writer.patch(`/agents/${id}`, { status: 'draining' })).body.status).toBe('draining');
      expect(await picked()).toBeNull();
      expect((await writer.patch(`/agents/${id}`, { status: 'active' })).body.status).toBe('active');
      expect(await picked()).toBe(id);
    });

    it('a pending agent cannot be declared active', async () => {
      registry.adapter.answer = () => failedReport();
      const { status, body } = await writer.patch(`/agents/${await register()}`, { status: 'active' });
      expect([status, body.code]).toEqual([409, 'conflict']);
    });

    it.each([{}, { agent_name: '' }, { status: 'retired' }, { dialect: 'builtin' }, { max_concurrent_sessions: 2 ** 60 }])(
      '%j is a bad request',
      async (patch) => {
        const { status, body } = await writer.patch(`/agents/${await register()}`, patch);
        expect([status, body.code]).toEqual([400, 'invalid_request']);
      },
    );
  });

  describe('DELETE', () => {
    it('retires the agent: nobody sees it, no session goes to it, its key is gone', async () => {
      const id = await register();
      await writer.delete(`/agents/${id}`).expect(204);
      await writer.get(`/agents/${id}`).expect(404);
      await writer.delete(`/agents/${id}`).expect(404);
      expect((await writer.get('/agents')).body).toEqual({ agents: [] });
      expect(await endpointOf(id)).toMatchObject({ credential: null });
      const { rows } = await registry.database.pool.query(
        'select registry.pick_agent($1, null) as id, (registry.routing_of($2)).is_routable',
        [registry.account, id],
      );
      expect(rows).toEqual([{ id: null, is_routable: false }]);
    });

    it('an agent that is deleted while it is probed stays deleted', async () => {
      registry.adapter.answer = async (id) => {
        await writer.delete(`/agents/${id}`).expect(204);
        return passedReport();
      };
      const { status, body } = await writer.post('/agents/register', BODY);
      expect([status, body.code]).toEqual([404, 'agent_not_found']);
      expect((await writer.get('/agents')).body).toEqual({ agents: [] });
    });
  });

  it('the built-in team can be tuned and drained, and neither deleted nor sent elsewhere', async () => {
    const { rows } = await registry.database.pool.query('select registry.ensure_builtin_agent($1) as id', [registry.account]);
    const team = `/agents/${rows[0].id}`;
    registry.adapter.answer = () => passedReport({ dialect: 'builtin', tools: [] });
    expect((await writer.patch(team, { max_concurrent_sessions: 5, status: 'draining' })).body).toMatchObject({
      max_concurrent_sessions: 5,
      status: 'draining',
    });
    expect((await writer.post(`${team}/probe`)).body).toMatchObject({ dialect: 'builtin', report: { passed: true } });
    await writer.delete(team).expect(409);
    await writer.patch(team, { endpoint_url: 'http://127.0.0.1:9/mcp' }).expect(409);
    await writer.patch(team, { api_key: 'k' }).expect(409);
    await writer.patch(team, { dialect: 'mcp' }).expect(409);
  });
});
