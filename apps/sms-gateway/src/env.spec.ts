import { readEnv } from '@darkspere/platform';
import { SmsGatewayEnv } from './env.js';

const GOOD = {
  PUBLIC_BASE_URL: 'https://sms.example.com/darkspere//',
  TWILIO_ACCOUNT_SID: `AC${'0'.repeat(32)}`,
  TWILIO_AUTH_TOKEN: 'token',
};
const read = (changes: Record<string, string>) => readEnv(SmsGatewayEnv, { ...GOOD, ...changes });

describe('the environment of sms-gateway', () => {
  it('has a budget of 2.5 s, and a base URL without a slash at its end', () => {
    expect(read({})).toEqual({ ...GOOD, PUBLIC_BASE_URL: 'https://sms.example.com/darkspere', REPLY_BUDGET_MS: 2_500 });
    expect(read({ REPLY_BUDGET_MS: '0' }).REPLY_BUDGET_MS).toBe(0);
  });

  it.each([
    ['REPLY_BUDGET_MS', ''],
    ['REPLY_BUDGET_MS', '-1'],
    ['REPLY_BUDGET_MS', '2.5'],
    ['REPLY_BUDGET_MS', '1e3'],
    ['REPLY_BUDGET_MS', '15000'],
    ['PUBLIC_BASE_URL', ''],
    ['PUBLIC_BASE_URL', 'sms.example.com'],
    ['PUBLIC_BASE_URL', 'ftp://sms.example.com'],
    ['TWILIO_API_BASE', ''],
    ['TWILIO_ACCOUNT_SID', 'AC1'],
    ['TWILIO_AUTH_TOKEN', ''],
  ])('does not take %s=%j', (name, value) => expect(() => read({ [name]: value })).toThrow(new RegExp(`  ${name}: `)));
});
