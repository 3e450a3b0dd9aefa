import { readSettings } from './settings.js';

describe('readSettings', () => {
  it('adds the offset to every port', () => {
    const { ports } = readSettings({ DARKSPERE_PORT_OFFSET: '1000' });
    expect(ports).toMatchObject({ 'sms-gateway': 9000, 'optimizer-agent': 9013, twin: 9090, postgres: 9432, redis: 9379 });
  });

  it.each(['-1', '1.5', 'many', '60000'])('refuses the offset %s with a sentence', (offset) => {
    expect(() => readSettings({ DARKSPERE_PORT_OFFSET: offset })).toThrow(/^DARKSPERE_PORT_OFFSET must be a whole number/);
  });

  it('embeds everything when the environment provides nothing', () => {
    expect(readSettings({}).embedded).toEqual({ postgres: true, redis: true, twin: true });
  });

  it.each([
    ['DATABASE_URL', 'postgres://db/x', 'postgres'],
    ['REDIS_URL', 'redis://cache', 'redis'],
    ['TWILIO_API_BASE', 'http://127.0.0.1:1', 'twin'],
    ['TWILIO_ACCOUNT_SID', '', 'twin'],
  ] as const)('leaves out the part that %s provides', (name, value, part) => {
    expect(readSettings({ [name]: value }).embedded).toMatchObject({ [part]: false });
  });

  it('refuses a server address that is set but empty, since that can only be a mistake', () => {
    expect(() => readSettings({ DATABASE_URL: '' })).toThrow(/DATABASE_URL is set but empty/);
  });

  it("keeps libpq's variables from bending connections to the embedded Postgres, and only to that", () => {
    const env = { PGSSLMODE: 'require', npm_config_x: '1', LLM_MODEL: 'm' };
    expect(readSettings(env).env).toEqual({ LLM_MODEL: 'm' });
    expect(readSettings({ ...env, DATABASE_URL: 'postgres://db/x' }).env).toMatchObject({ PGSSLMODE: 'require' });
  });
});
