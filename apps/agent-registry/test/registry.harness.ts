import { randomBytes } from 'node:crypto';
import { Controller, Module, type INestMicroservice } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { probeAgent, type InputOf, type ProbeReport } from '@darkspere/contracts';
import { newApiKey, type Scope } from '@darkspere/domain';
import { createAdapter, validationPipe } from '@darkspere/platform';
import { createTestDatabase, type TestDatabase } from '@darkspere/testing';
import { Handles, RedisStreamsServer } from '@darkspere/transport';
import { Test } from '@nestjs/testing';
import request from 'supertest';

/** mcp-adapter as its contract has it: it says what the test told it to. */
@Controller()
export class FakeAdapter {
  readonly probed: string[] = [];
  answer: (agentId: string) => ProbeReport | Promise<ProbeReport> = () => {
    throw new Error('The test did not say what the probe answers');
  };

  @Handles(probeAgent)
  probe({ agentId }: InputOf<typeof probeAgent>): ProbeReport | Promise<ProbeReport> {
    this.probed.push(agentId);
    return this.answer(agentId);
  }
}

/** The registry on a database of its own, with the adapter as a service on Redis, and keys of two accounts. */
export class Registry {
  readonly adapter: FakeAdapter;

  private constructor(
    readonly database: TestDatabase,
    readonly account: string,
    readonly otherAccount: string,
    private readonly app: NestFastifyApplication,
    private readonly service: INestMicroservice,
  ) {
    this.adapter = service.get(FakeAdapter);
  }

  static async start(): Promise<Registry> {
    const database = await createTestDatabase();
    // Streams of a Redis database per worker: what another spec file's adapter hears is not ours.
    const redisUrl = `${process.env.TEST_REDIS_URL}/${(Number(process.env.JEST_WORKER_ID ?? 0) % 14) + 1}`;
    Object.assign(process.env, {
      DATABASE_URL: database.url,
      REDIS_URL: redisUrl,
      ENCRYPTION_KEYS: `test:${Buffer.alloc(32, 1).toString('base64')}`,
      AGENT_EGRESS_ALLOW: '127.0.0.0/8',
    });
    @Module({ controllers: [FakeAdapter] })
    class FakeAdapterModule {}
    const strategy = new RedisStreamsServer({ service: 'mcp-adapter', redisUrl });
    const service = await NestFactory.createMicroservice(FakeAdapterModule, { strategy, logger: false });
    await service.listen();

    // Modules read the environment when they are loaded.
    const { AgentRegistryModule } = await import('../src/agent-registry.module.js');
    const module = await Test.createTestingModule({ imports: [AgentRegistryModule] }).compile();
    const app = module.createNestApplication<NestFastifyApplication>(createAdapter(), { logger: false });
    app.useGlobalPipes(validationPipe());
    await app.init();
    await app.getHttpAdapter().getInstance().ready();
    const { rows } = await database.pool.query<{ id: string }>(
      `insert into security.accounts (name) values ('ours'), ('theirs') returning id`,
    );
    return new Registry(database, rows[0]!.id, rows[1]!.id, app, service);
  }

  async stop(): Promise<void> {
    await this.app.close();
    await this.service.close();
    await this.database.drop();
  }

  /** Requests with a new key of that scope; `null`: without a key. */
  async as(scope: Scope | null, account = this.account): Promise<Caller> {
    return new Caller(this.app, scope === null ? null : await this.keyFor(scope, account));
  }

  withKey(key: string): Caller {
    return new Caller(this.app, key);
  }

  /** The rows of the agents as text: whatever is stored of them. */
  async stored(): Promise<string[]> {
    const { rows } = await this.database.pool.query<{ row: string }>(
      'select row_to_json(a)::text as row from registry.agent_registry a order by id',
    );
    return rows.map(({ row }) => row);
  }

  private async keyFor(scope: Scope, account: string): Promise<string> {
    const { key, prefix, hash } = newApiKey(randomBytes);
    await this.database.pool.query(
      `insert into security.api_keys (account_id, prefix, secret_hash, label, scopes) values ($1, $2, $3, 'test', $4)`,
      [account, prefix, hash, [scope]],
    );
    return key;
  }
}

export class Caller {
  constructor(
    private readonly app: NestFastifyApplication,
    private readonly key: string | null,
  ) {}

  get = (path: string) => this.send('get', path);
  delete = (path: string) => this.send('delete', path);
  post = (path: string, body: object | string = {}) => this.send('post', path).set('content-type', 'application/json').send(body);
  patch = (path: string, body: object) => this.send('patch', path).send(body);

  private send(method: 'get' | 'post' | 'patch' | 'delete', path: string) {
    const sent = request(this.app.getHttpServer())[method](`/api/v1${path}`);
    return this.key === null ? sent : sent.set('authorization', `Bearer ${this.key}`);
  }
}
