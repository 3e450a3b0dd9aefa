import { join } from 'node:path';
import pg from 'pg';
import { pings, POSTGRES_STOP, REDIS_STOP, startPostgres, startRedis } from '@darkspere/testing';
import { HEALTH_TIMEOUT_MS, type Health } from './health.js';
import type { Home, Secrets } from './home.js';
import { nodeProcess } from './node-process.js';
import { APP_PORTS, ROOT, type Settings } from './settings.js';
import type { ProcessSpec } from './supervised-process.js';

const TIER = { postgres: 0, redis: 1, twin: 2, app: 3 } as const;

/** A server of ours is restarted when it exits, never because it is slow to answer. */
const serverHealth = (answers: boolean): Health => ({ isLive: true, isReady: answers, isDegraded: !answers });

/** What the apps need to run, as far as this machine provides it, and where it is found once it is up. */
export class Servers {
  databaseUrl: string | null;
  redisUrl: string | null;
  readonly twinUrl: string | null;

  constructor(
    private readonly settings: Settings,
    private readonly home: Home,
    private readonly secrets: Secrets,
    private readonly say: (line: string) => void,
  ) {
    const { embedded, env, ports } = settings;
    this.databaseUrl = embedded.postgres ? null : env.DATABASE_URL!;
    this.redisUrl = embedded.redis ? null : env.REDIS_URL!;
    this.twinUrl = embedded.twin ? `http://127.0.0.1:${ports.twin}` : null;
  }

  specs(): ProcessSpec[] {
    const { postgres, redis, twin } = this.settings.embedded;
    return [...(postgres ? [this.#postgres()] : []), ...(redis ? [this.#redis()] : []), ...(twin ? [this.#twin()] : [])];
  }

  #postgres(): ProcessSpec {
    const port = this.settings.ports.postgres;
    const { dir } = this.home;
    return {
      name: 'postgres',
      port,
      tier: TIER.postgres,
      stopSignals: POSTGRES_STOP,
      health: async () => serverHealth(this.databaseUrl !== null && (await answersQuery(this.databaseUrl))),
      launch: async (hooks) => {
        const options = { dataDir: join(dir, 'postgres'), port, database: 'darkspere', logFile: this.home.log('postgres') };
        const { url, process } = await startPostgres({ ...options, ...hooks, say: this.say });
        this.databaseUrl = url;
        return process;
      },
    };
  }

  #redis(): ProcessSpec {
    const port = this.settings.ports.redis;
    const { dir } = this.home;
    return {
      name: 'redis',
      port,
      tier: TIER.redis,
      stopSignals: REDIS_STOP,
      health: async () => serverHealth(await pings(port)),
      launch: async (hooks) => {
        const options = { dir: join(dir, 'redis'), port, cacheDir: join(dir, 'bin'), logFile: this.home.log('redis') };
        const { url, process } = await startRedis({ ...options, ...hooks, say: this.say });
        this.redisUrl = url;
        return process;
      },
    };
  }

  #twin(): ProcessSpec {
    const { env, ports } = this.settings;
    return nodeProcess({
      name: 'twin',
      port: ports.twin,
      tier: TIER.twin,
      script: join(ROOT, 'tools/twin/dist/main.js'),
      logFile: this.home.log('twin'),
      healthPath: '/health',
      env: {
        ...env,
        HOST: '127.0.0.1',
        PORT: String(ports.twin),
        TWIN_ACCOUNT_SID: this.secrets.twinAccountSid,
        TWIN_AUTH_TOKEN: env.TWILIO_AUTH_TOKEN || this.secrets.twinAuthToken,
        TWIN_WEBHOOK_URL: `http://127.0.0.1:${ports['sms-gateway']}/sms/incoming`,
        // Signatures are over the public address; the requests themselves stay on this machine.
        ...(env.PUBLIC_BASE_URL && { TWIN_SIGN_URL: `${env.PUBLIC_BASE_URL.replace(/\/$/, '')}/sms/incoming` }),
      },
    });
  }

  /** The nine apps. The servers must be up. */
  apps(): ProcessSpec[] {
    const { env, ports } = this.settings;
    const shared: NodeJS.ProcessEnv = {
      ...this.#carrier(),
      PUBLIC_BASE_URL: `http://127.0.0.1:${ports['sms-gateway']}`,
      ENCRYPTION_KEYS: this.secrets.encryptionKeys,
      AGENT_EGRESS_ALLOW: '127.0.0.0/8,::1/128',
      ...env,
      DATABASE_URL: this.databaseUrl!,
      REDIS_URL: this.redisUrl!,
      HOST: '127.0.0.1',
    };
    return (Object.keys(APP_PORTS) as (keyof typeof APP_PORTS)[]).map((name) =>
      nodeProcess({
        name,
        port: ports[name],
        tier: TIER.app,
        script: join(ROOT, 'apps', name, 'dist', 'main.js'),
        logFile: this.home.log(name),
        env: { ...shared, PORT: String(ports[name]) },
      }),
    );
  }

  #carrier(): NodeJS.ProcessEnv {
    if (this.twinUrl === null) return {};
    return {
      TWILIO_ACCOUNT_SID: this.secrets.twinAccountSid,
      TWILIO_AUTH_TOKEN: this.secrets.twinAuthToken,
      TWILIO_API_BASE: this.twinUrl,
    };
  }
}

const answersQuery = async (url: string): Promise<boolean> => {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: HEALTH_TIMEOUT_MS, query_timeout: HEALTH_TIMEOUT_MS });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
};
