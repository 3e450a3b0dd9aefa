import { PatchAgent, RegisterAgent } from './agents.schemas.js';

const SEED = {
  agent_name: 'Customer Support Bot',
  endpoint_url: 'https://agent.example.com/mcp',
  api_key: 'sk_live_x',
  max_concurrent_sessions: 100,
};

const faultyFields = (body: unknown, schema: typeof RegisterAgent | typeof PatchAgent = RegisterAgent): string[] => {
  const { error } = schema.safeParse(body);
  return [...new Set(error?.issues.map(({ path }) => path.join('.')))].sort();
};

describe('RegisterAgent', () => {
  it('takes the body of the seed as it is', () => {
    expect(RegisterAgent.parse(SEED)).toEqual({ ...SEED, dialect: null, pool: null, double_text: 'coalesce', phone_number_grant: false });
  });

  it.each([[undefined], [null], ['']])('api_key %p means an agent without authentication', (api_key) => {
    expect(RegisterAgent.parse({ ...SEED, api_key }).api_key).toBeNull();
  });

  it('names every faulty field at once', () => {
    const body = {
      agent_name: '',
      endpoint_url: 7,
      api_key: 'a b',
      max_concurrent_sessions: 0,
      dialect: 'builtin',
      double_text: 'x',
      pool: '',
      phone_number_grant: 'yes',
    };
    expect(faultyFields(body)).toEqual([
      'agent_name',
      'api_key',
      'dialect',
      'double_text',
      'endpoint_url',
      'max_concurrent_sessions',
      'phone_number_grant',
      'pool',
    ]);
  });

  it.each([0, -1, 1.5, 2 ** 53, Number.NaN, Infinity, '100', null])(
    'max_concurrent_sessions %p is no positive safe integer',
    (max_concurrent_sessions) => {
      expect(faultyFields({ ...SEED, max_concurrent_sessions })).toEqual(['max_concurrent_sessions']);
    },
  );

  it.each([1, Number.MAX_SAFE_INTEGER])('max_concurrent_sessions %p is one', (max_concurrent_sessions) => {
    expect(RegisterAgent.parse({ ...SEED, max_concurrent_sessions }).max_concurrent_sessions).toBe(max_concurrent_sessions);
  });

  it.each(['a\r\nX-Evil: 1', 'kéy', 'k\0', 'x'.repeat(4_097)])(
    'a key that fits in no header is refused without being repeated',
    (api_key) => {
      const { error } = RegisterAgent.safeParse({ ...SEED, api_key });
      expect(error?.issues[0]?.path).toEqual(['api_key']);
      expect(error?.message).not.toContain(api_key);
    },
  );

  it.each(['\0', 'two\nlines', '   ', 'x'.repeat(201)])('agent_name %j is refused', (agent_name) => {
    expect(faultyFields({ ...SEED, agent_name })).toEqual(['agent_name']);
  });

  it.each(['Ünïcödé 😀 客服', "Robert'); drop table registry.agent_registry;--", '\u202eevil', '__proto__'])(
    'agent_name %j is only a name',
    (agent_name) => {
      expect(RegisterAgent.parse({ ...SEED, agent_name }).agent_name).toBe(agent_name);
    },
  );
});

describe('PatchAgent', () => {
  it('has no defaults: what is left out stays', () => {
    expect(PatchAgent.parse({ agent_name: 'B' })).toEqual({ agent_name: 'B' });
  });

  it.each([[{}], [{ agentname: 'typo' }]])('%j changes nothing and is refused', (body) => {
    expect(PatchAgent.safeParse(body).success).toBe(false);
  });

  it.each(['pending', 'degraded', 'offline', 'retired'])('nobody may declare an agent %s', (status) => {
    expect(faultyFields({ status }, PatchAgent)).toEqual(['status']);
  });
});
