import { z } from 'zod';
import { PlatformEnv, readEnv } from './env.js';

const GOOD = {
  DATABASE_URL: 'postgres://me:secret-password@localhost/db',
  REDIS_URL: 'redis://localhost:6379',
  ENCRYPTION_KEYS: 'k:secret-key',
};

const faultOf = (read: () => unknown): string => {
  try {
    read();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('The environment was taken');
};

describe('readEnv', () => {
  it('gives what is set, parsed, and the defaults of what is not', () => {
    expect(readEnv(PlatformEnv, { ...GOOD, PORT: '8000', UNKNOWN: 'x' })).toEqual({
      ...GOOD,
      PORT: 8000,
      HOST: '127.0.0.1',
      LOG_LEVEL: 'info',
      AGENT_EGRESS_ALLOW: '',
    });
  });

  it('names every fault at once, each once', () => {
    const message = faultOf(() =>
      readEnv(PlatformEnv.extend({ PUBLIC_BASE_URL: z.url({ error: 'must be a URL' }) }), { PORT: 'x', LOG_LEVEL: 'loud' }),
    );
    const names = message.split('\n').flatMap((line) => /^ {2}([A-Z_]+): /.exec(line)?.[1] ?? []);
    expect(names.sort()).toEqual(['DATABASE_URL', 'ENCRYPTION_KEYS', 'LOG_LEVEL', 'PORT', 'PUBLIC_BASE_URL', 'REDIS_URL']);
  });

  it('never shows a value: it may be a secret', () => {
    const message = faultOf(() =>
      readEnv(PlatformEnv, {
        DATABASE_URL: 'secret-password',
        REDIS_URL: 'http://secret-password',
        PORT: 'secret-password',
        LOG_LEVEL: 'secret-password',
      }),
    );
    expect(message).not.toContain('secret-password');
  });

  it.each(Object.keys(PlatformEnv.shape).filter((name) => name !== 'AGENT_EGRESS_ALLOW' && name !== 'ENCRYPTION_KEYS'))(
    '%s that is set but empty is a fault, not a default',
    (name) => {
      expect(faultOf(() => readEnv(PlatformEnv, { ...GOOD, [name]: '' }))).toMatch(new RegExp(`  ${name}: `));
    },
  );

  it.each(['0', '65536', '-1', '80.5', 'http', ' ', '0x50', '1e3'])('%j is no port', (PORT) => {
    expect(faultOf(() => readEnv(PlatformEnv, { ...GOOD, PORT }))).toMatch(/PORT: /);
  });

  it.each(['mysql://localhost/db', 'localhost:5432', '://'])('%j is no database', (DATABASE_URL) => {
    expect(faultOf(() => readEnv(PlatformEnv, { ...GOOD, DATABASE_URL }))).toMatch(/DATABASE_URL: must be a URL/);
  });
});
