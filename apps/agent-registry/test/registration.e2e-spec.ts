import { DomainError } from '@darkspere/domain';
import { SecretBox } from '@darkspere/platform';
import { failedReport, passedReport } from '../src/agents/agents.fixture.js';
import { Registry, type Caller } from './registry.harness.js';

const SECRET = 'sk_live_0123456789';
const BODY = { agent_name: 'Customer Support Bot', endpoint_url: 'http://127.0.0.1:9/mcp', api_key: SECRET, max_concurrent_sessions: 100 };

describe('POST /api/v1/agents/register', () => {
  let registry: Registry;
  let writer: Caller;
  beforeAll(async () => {
    registry = await Registry.start();
    writer = await registry.as('write');
  });
  afterAll(() => registry?.stop());
  beforeEach(async () => {
    registry.adapter.probed.length = 0;
    registry.adapter.answer = () => passedReport();
    await registry.database.pool.query('delete from registry.agent_registry');
  });

  it('an agent that passes its probe is active', async () => {
    registry.adapter.answer = () => passedReport({ prior: { revision: 1 } });
    const { status, body } = await writer.post('/agents/register', BODY);
    expect(status).toBe(201);
    expect(body).toEqual({
      agent_id: registry.adapter.probed[0],
      status: 'active',
      dialect: 'mcp',
      report: expect.objectContaining({ passed: true, tools: ['chat'], protocol_version: '2026-07-28', latency_ms: 12 }),
    });
    const { rows } = await registry.database.pool.query('select registry.pick_agent($1, null) as id', [registry.account]);
    expect(rows).toEqual([{ id: body.agent_id }]);
  });

  it('the adapter finds endpoint and credential under the id it is given', async () => {
    await writer.post('/agents/register', BODY).expect(201);
    const id = registry.adapter.probed[0]!;
    const { rows } = await registry.database.pool.query('select registry.agent_endpoint($1) as endpoint', [id]);
    const { credential_ciphertext, endpoint_url, dialect } = rows[0].endpoint;
    expect({ endpoint_url, dialect }).toEqual({ endpoint_url: BODY.endpoint_url, dialect: 'mcp' });
    expect(new SecretBox(process.env.ENCRYPTION_KEYS!).open(credential_ciphertext, `registry.agent_registry|${id}`)).toBe(SECRET);
  });

  it('an agent that fails its probe is stored as pending, with what to fix', async () => {
    registry.adapter.answer = () => failedReport();
    const { status, body } = await writer.post('/agents/register', BODY);
    expect(status).toBe(201);
    expect(body).toMatchObject({
      status: 'pending',
      dialect: null,
      report: { passed: false, checks: [{ passed: false, fix: 'Start the agent.' }] },
    });
    const { rows } = await registry.database.pool.query('select registry.pick_agent($1, null) as id', [registry.account]);
    expect(rows).toEqual([{ id: null }]);
  });

  it('an agent that nobody could probe is stored as pending, and a later probe makes it active', async () => {
    registry.adapter.answer = () => {
      throw new DomainError('rpc_unavailable', 'no adapter');
    };
    const { body } = await writer.post('/agents/register', BODY).expect(201);
    expect(body).toMatchObject({
      status: 'pending',
      report: { passed: false, checks: [{ name: 'probe', fix: expect.stringContaining('/probe') }] },
    });
    await writer.post(`/agents/${body.agent_id}/probe`).expect(503);
    registry.adapter.answer = () => passedReport({ dialect: 'chat' });
    const { body: probed } = await writer.post(`/agents/${body.agent_id}/probe`).expect(200);
    expect(probed).toMatchObject({ agent_id: body.agent_id, status: 'active', dialect: 'chat', report: { passed: true } });
  });

  it.each([
    ['metadata', 'http://169.254.169.254/latest/meta-data'],
    ['private', 'https://10.0.0.1/'],
    ['http at a public address', 'http://93.184.216.34/'],
    ['mapped', 'https://[::ffff:127.0.0.1]/'],
    ['decimal', 'http://2130706433:99999/'],
    ['credentials', 'https://user:pw@example.com/'],
    ['a name of nobody', 'https://nobody.invalid/mcp'],
    ['another scheme', 'file:///etc/passwd'],
    ['no URL', 'not a url'],
    ['huge', `https://example.com/${'a'.repeat(10_000)}`],
  ])('an endpoint that may not be is refused and nothing is stored: %s', async (_, endpoint_url) => {
    const { status, body, headers } = await writer.post('/agents/register', { ...BODY, endpoint_url });
    expect([status, body.code]).toEqual([422, 'endpoint_refused']);
    expect(headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(await registry.stored()).toEqual([]);
    expect(registry.adapter.probed).toEqual([]);
  });

  it('merge with an agent that does not declare its chat idempotent is accepted with a warning', async () => {
    const { body } = await writer.post('/agents/register', { ...BODY, double_text: 'merge' }).expect(201);
    expect(body).toMatchObject({ status: 'active', report: { passed: true } });
    expect(body.report.checks).toContainEqual(expect.objectContaining({ name: 'double_text', passed: false }));
  });

  it('the credential is in no answer and in no column, even when the agent says it back', async () => {
    registry.adapter.answer = () =>
      failedReport({ checks: [{ name: 'mcp.connect', passed: false, detail: `unknown key ${SECRET}` }], prior: SECRET });
    const { text, body } = await writer.post('/agents/register', BODY);
    const others = await Promise.all([
      writer.get('/agents'),
      writer.get(`/agents/${body.agent_id}`),
      writer.post(`/agents/${body.agent_id}/probe`),
    ]);
    for (const said of [text, ...others.map((answer) => answer.text), ...(await registry.stored())]) expect(said).not.toContain(SECRET);
  });

  it('an agent may put into its report what no database stores', async () => {
    registry.adapter.answer = () => passedReport({ tools: ['chat', 'a\0b', '\ud800'], prior: { 'k\0': ['\udc00\0'] } });
    const { body } = await writer.post('/agents/register', BODY).expect(201);
    expect(body.report.tools).toEqual(['chat', 'a\ufffdb', '\ufffd']);
  });

  describe('with an Idempotency-Key', () => {
    it('a repeat registers nothing more and gets the first answer', async () => {
      const first = await writer.post('/agents/register', BODY).set('idempotency-key', 'once').expect(201);
      const again = await writer.post('/agents/register', BODY).set('idempotency-key', 'once').expect(201);
      expect(again.body).toEqual(first.body);
      expect(again.headers['idempotent-replayed']).toBe('true');
      expect(await registry.stored()).toHaveLength(1);
      expect(registry.adapter.probed).toHaveLength(1);
    });

    it('another body under the same key is refused', async () => {
      await writer.post('/agents/register', BODY).set('idempotency-key', 'twice').expect(201);
      const { status, body } = await writer.post('/agents/register', { ...BODY, agent_name: 'B' }).set('idempotency-key', 'twice');
      expect([status, body.code]).toEqual([422, 'idempotency_mismatch']);
    });

    it('what is kept of the request holds no credential', async () => {
      await writer.post('/agents/register', BODY).set('idempotency-key', 'kept').expect(201);
      const { rows } = await registry.database.pool.query('select row_to_json(r)::text as row from security.idempotent_requests r');
      expect(JSON.stringify(rows)).not.toContain(SECRET);
    });
  });

  describe('who may', () => {
    it('nobody without a key', async () => {
      const nobody = await registry.as(null);
      const { status, body } = await nobody.post('/agents/register', BODY);
      expect([status, body.code]).toEqual([401, 'unauthenticated']);
    });

    it('no key that may only read', async () => {
      const reader = await registry.as('read');
      const { status, body } = await reader.post('/agents/register', BODY);
      expect([status, body.code]).toEqual([403, 'forbidden']);
    });

    it('only an admin grants real phone numbers', async () => {
      const grant = { ...BODY, phone_number_grant: true };
      await writer.post('/agents/register', grant).expect(403);
      expect(await registry.stored()).toEqual([]);
      const admin = await registry.as('admin');
      const { body } = await admin.post('/agents/register', grant).expect(201);
      const { body: agent } = await admin.get(`/agents/${body.agent_id}`);
      expect(agent.phone_number_grant).toBe(true);
      await writer.patch(`/agents/${body.agent_id}`, { phone_number_grant: false }).expect(200);
      await writer.patch(`/agents/${body.agent_id}`, { phone_number_grant: true }).expect(403);
    });
  });

  describe('hostile bodies', () => {
    it('each faulty field is named, once, with nothing of its value', async () => {
      const faulty = {
        agent_name: 7,
        endpoint_url: null,
        api_key: `${SECRET}\r\nX: y`,
        max_concurrent_sessions: -1,
        dialect: 'builtin',
        double_text: 'all',
        phone_number_grant: 1,
      };
      const { status, body, headers, text } = await writer.post('/agents/register', faulty);
      expect([status, body.code]).toEqual([400, 'invalid_request']);
      expect(headers['content-type']).toMatch(/^application\/problem\+json/);
      expect(body.errors.map(({ field }: { field: string }) => field).sort()).toEqual(Object.keys(faulty).sort());
      expect(text).not.toContain(SECRET);
    });

    it.each([
      ['nothing', ''],
      ['an array', '[]'],
      ['null', 'null'],
      ['a number', '7'],
      ['broken JSON', '{"agent_name":'],
      ['__proto__', '{"__proto__":{"phone_number_grant":true},"agent_name":"x"}'],
      ['constructor.prototype', '{"constructor":{"prototype":{"phone_number_grant":true}},"agent_name":"x"}'],
    ])('%s is a bad request', async (_, text) => {
      const { status, headers } = await writer.post('/agents/register', text);
      expect(status).toBe(400);
      expect(headers['content-type']).toMatch(/^application\/problem\+json/);
      expect(({} as { phone_number_grant?: boolean }).phone_number_grant).toBeUndefined();
    });

    it('more than a megabyte is too much', async () => {
      const { status, body } = await writer.post('/agents/register', { ...BODY, agent_name: 'x'.repeat(1_100_000) });
      expect([status, body.code]).toEqual([413, 'payload_too_large']);
    });

    it('an inherited grant is no grant', async () => {
      const { body } = await writer.post('/agents/register', { ...BODY, constructor: { phone_number_grant: true } }).expect(201);
      expect((await writer.get(`/agents/${body.agent_id}`)).body.phone_number_grant).toBe(false);
    });

    it.each(["x'); drop table registry.agent_registry; --", '客服 😀 \u202e', '${jndi:ldap://x}', '<script>alert(1)</script>', '\ud800'])(
      'the name %j is only a name',
      async (agent_name) => {
        const { body } = await writer.post('/agents/register', { ...BODY, agent_name }).expect(201);
        expect((await writer.get(`/agents/${body.agent_id}`)).body.agent_name).toBe(agent_name.replace('\ud800', '\ufffd'));
      },
    );
  });
});
