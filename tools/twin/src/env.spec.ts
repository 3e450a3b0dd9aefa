import { readEnv } from './env.js';

const right = { TWIN_ACCOUNT_SID: `AC${'0'.repeat(32)}`, TWIN_AUTH_TOKEN: 'token', TWIN_WEBHOOK_URL: 'http://127.0.0.1:8000/sms/incoming' };

describe('the environment of the twin', () => {
  it('has defaults for all but account, token and webhook', () => {
    expect(readEnv(right)).toEqual({
      port: 8090,
      host: '127.0.0.1',
      accountSid: right.TWIN_ACCOUNT_SID,
      authToken: 'token',
      webhookUrl: right.TWIN_WEBHOOK_URL,
      webhookTimeoutMs: 15_000,
      webhookRetries: 3,
      webhookRetryPauseMs: 250,
    });
  });

  it('may start with faults', () => {
    expect(readEnv({ ...right, TWIN_FAULTS: '{"rest_delay_ms":5}' }).faults).toMatchObject({ rest_delay_ms: 5, rest_error_rate: 0 });
  });

  it('is refused with every fault at once; set but empty counts as set', () => {
    const read = () =>
      readEnv({ PORT: '', HOST: '', TWIN_ACCOUNT_SID: 'x', TWIN_WEBHOOK_URL: 'ftp://x', TWIN_SIGN_URL: '', TWIN_FAULTS: '{' });
    for (const name of ['PORT', 'HOST', 'TWIN_ACCOUNT_SID', 'TWIN_AUTH_TOKEN', 'TWIN_WEBHOOK_URL', 'TWIN_SIGN_URL', 'TWIN_FAULTS']) {
      expect(read).toThrow(name);
    }
  });
});
