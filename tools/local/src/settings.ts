import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ServerError } from '@darkspere/testing';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** Ports before DARKSPERE_PORT_OFFSET. */
export const APP_PORTS = {
  'sms-gateway': 8000,
  'agent-registry': 8001,
  billing: 8002,
  analytics: 8003,
  'mcp-adapter': 8004,
  orchestrator: 8080,
  'triage-agent': 8011,
  'engagement-agent': 8012,
  'optimizer-agent': 8013,
} as const;
export const SERVER_PORTS = { postgres: 8432, redis: 8379, twin: 8090 } as const;

export type Name = keyof typeof APP_PORTS | keyof typeof SERVER_PORTS;

/** Bound to the built-in team at the first start. */
export const LOCAL_NUMBER = '+15550001000';

export interface Settings {
  home: string;
  ports: Record<Name, number>;
  /** Parts that the environment provides are not started. A variable that is set but empty counts as set. */
  embedded: { postgres: boolean; redis: boolean; twin: boolean };
  /** What the person's environment says, without what npm and libpq would slip in. */
  env: NodeJS.ProcessEnv;
}

const HIGHEST_OFFSET = 65_535 - 8_766;

export const readSettings = (env: NodeJS.ProcessEnv = process.env): Settings => {
  const offset = Number(env.DARKSPERE_PORT_OFFSET || '0');
  if (!Number.isInteger(offset) || offset < 0 || offset > HIGHEST_OFFSET) {
    throw new ServerError(
      `DARKSPERE_PORT_OFFSET must be a whole number from 0 to ${HIGHEST_OFFSET}; it is "${env.DARKSPERE_PORT_OFFSET}".`,
    );
  }
  for (const name of ['DATABASE_URL', 'REDIS_URL']) {
    if (env[name] === '') throw new ServerError(`${name} is set but empty: give it a value, or unset it to use the embedded server.`);
  }
  const ports = Object.entries({ ...APP_PORTS, ...SERVER_PORTS }).map(([name, port]) => [name, port + offset]);
  const embedded = {
    postgres: env.DATABASE_URL === undefined,
    redis: env.REDIS_URL === undefined,
    twin: env.TWILIO_API_BASE === undefined && env.TWILIO_ACCOUNT_SID === undefined,
  };
  return {
    home: homeOf(env),
    ports: Object.fromEntries(ports) as Record<Name, number>,
    embedded,
    env: withoutNoise(env, embedded.postgres),
  };
};

export const homeOf = (env: NodeJS.ProcessEnv = process.env): string => resolve(env.DARKSPERE_HOME || join(ROOT, '.darkspere'));

/** npm's own variables mean nothing to the apps, and PGSSLMODE or PGOPTIONS would bend connections to our own Postgres. */
const withoutNoise = (env: NodeJS.ProcessEnv, ownPostgres: boolean): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !/^npm_/i.test(name) && !(ownPostgres && /^PG[A-Z]+$/.test(name))));
