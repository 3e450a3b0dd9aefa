import { randomBytes, randomUUID } from 'node:crypto';
import { Writable } from 'node:stream';
import { Module, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { turnRung } from '@darkspere/contracts';
import { newApiKey, type Scope } from '@darkspere/domain';
import { JsonLogger, createAdapter, validationPipe } from '@darkspere/platform';
import { createTestDatabase, eventually, type TestDatabase } from '@darkspere/testing';
import { Broadcasts, EventBus, RedisStreamsServer, TransportModule } from '@darkspere/transport';
import { createTwin, type AgentCall, type Twin } from '@darkspere/twin';
import { Test } from '@nestjs/testing';
import request from 'supertest';

export type DoubleText = 'coalesce' | 'merge' | 'enqueue';

export interface AcceptedText {
  message_id: string;
  session_id: string;
  ring: boolean;
  lease_token: string | null;
}

export interface TextOptions {
  /** false: the doorbell is lost. */
  rings?: boolean;
  /** Milliseconds since the carrier brought it. */
  ageMs?: number;
  waiter?: string;
  offerMs?: number;
  intent?: 'opt_out' | 'opt_in';
  media?: { url: string; contentType?: string | null }[];
}

/** Adapters on a database of their own, with the gateway faked through its functions and the twin's agents around. */
export class Adapters {
  /** The lines of all adapters' logs. */
  readonly log: string[] = [];
  private phones = 0;
  private numbers = 0;

  private constructor(
    readonly database: TestDatabase,
    readonly twin: Twin,
    readonly account: string,
    readonly otherAccount: string,
    readonly broadcasts: Broadcasts,
    readonly redisUrl: string,
    private readonly events: EventBus,
    private readonly gateway: INestApplicationContext,
    private readonly replicas: Set<NestFastifyApplication>,
  ) {}

  static async start(count = 1): Promise<Adapters> {
    const [database, twin] = await Promise.all([createTestDatabase(), createTwin()]);
    const redisUrl = `${process.env.TEST_REDIS_URL}/${(Number(process.env.JEST_WORKER_ID ?? 0) % 14) + 1}`;
    Object.assign(process.env, {
      DATABASE_URL: database.url,
      REDIS_URL: redisUrl,
      ENCRYPTION_KEYS: `test:${Buffer.alloc(32, 1).toString('base64')}`,
      AGENT_EGRESS_ALLOW: '127.0.0.0/8',
    });
    const { rows } = await database.pool.query<{ id: string }>(
      `insert into security.accounts (name) values ('ours'), ('theirs') returning id`,
    );
    @Module({ imports: [TransportModule.forRoot({ service: 'sms-gateway', redisUrl })] })
    class FakeGatewayModule {}
    const gateway = await NestFactory.createApplicationContext(FakeGatewayModule, { logger: false });
    const adapters = new Adapters(
      database,
      twin,
      rows[0]!.id,
      rows[1]!.id,
      gateway.get(Broadcasts),
      redisUrl,
      gateway.get(EventBus),
      gateway,
      new Set(),
    );
    await Promise.all(Array.from({ length: count }, () => adapters.replica()));
    return adapters;
  }

  /** One more adapter. */
  async replica(): Promise<NestFastifyApplication> {
    // Modules read the environment when they are loaded.
    const { McpAdapterModule } = await import('../src/mcp-adapter.module.js');
    const module = await Test.createTestingModule({ imports: [McpAdapterModule] }).compile();
    const logger = new JsonLogger(
      'mcp-adapter',
      'trace',
      new Writable({ write: (line, _, done) => (this.log.push(String(line)), done()) }),
    );
    const app = module.createNestApplication<NestFastifyApplication>(createAdapter(), { logger });
    app.useGlobalPipes(validationPipe());
    app.connectMicroservice({ strategy: new RedisStreamsServer({ service: 'mcp-adapter', redisUrl: this.redisUrl }) });
    await app.startAllMicroservices();
    await app.listen(0, '127.0.0.1');
    this.replicas.add(app);
    return app;
  }

  /** Closes one as SIGTERM does. */
  async close(app: NestFastifyApplication): Promise<void> {
    this.replicas.delete(app);
    await app.close();
  }

  get app(): NestFastifyApplication {
    return [...this.replicas][0]!;
  }

  async stop(): Promise<void> {
    await this.twin.close();
    await Promise.all([...this.replicas].map((app) => app.close()));
    await this.gateway.close();
    await this.database.drop();
  }

  async rows<T extends object>(sql: string, values: unknown[] = []): Promise<T[]> {
    return (await this.database.pool.query<T>(sql, values)).rows;
  }

  /** An agent that has passed its probe, and a number that is bound to it. `endpoint`: default the twin's chat agent. */
  async agent({
    query = '',
    doubleText = 'coalesce' as DoubleText,
    endpoint = '',
    dialect = 'chat',
    account = this.account,
    pool = null as string | null,
  } = {}): Promise<{ id: string; name: string; number: string }> {
    const name = randomUUID().slice(0, 8);
    const url = endpoint || `${this.twin.url}/agents/${dialect}?name=${name}${query && `&${query}`}`;
    this.numbers += 1;
    const number = `+1555000${String(this.numbers).padStart(4, '0')}`;
    const [row] = await this.rows<{ id: string }>(
      `with a as (
         insert into registry.agent_registry (account_id, agent_name, endpoint_url, dialect, status, double_text, pool, request_types)
         values ($1, $2, $3, $4, 'active', $5, $6, '{chat.request}') returning id
       ), n as (insert into messaging.phone_numbers (account_id, phone_number, agent_id) select $1, $7, id from a)
       select id from a`,
      [account, name, url, dialect, doubleText, pool, number],
    );
    return { id: row!.id, name, number };
  }

  phone(): string {
    this.phones += 1;
    return `+1555777${String(this.phones).padStart(4, '0')}`;
  }

  /** A text as the gateway stores it and rings for it. */
  async text(
    number: string,
    phone: string,
    body: string,
    { rings = true, ageMs = 0, waiter = 'gw-test', offerMs = 60_000, intent, media }: TextOptions = {},
  ): Promise<AcceptedText> {
    const at = new Date(Date.now() - ageMs);
    const text = {
      account_id: this.account,
      account_sid: 'AC1',
      message_sid: randomUUID(),
      from: phone,
      to: number,
      channel: 'sms',
      body,
      media: media ?? null,
      segments: 1,
      encoding: 'GSM-7',
      fields: {},
      intent: intent ?? null,
      intent_source: intent ? 'keyword' : null,
      is_answered_by_carrier: false,
      waiter,
      offer_until: new Date(at.getTime() + offerMs),
      handle: randomBytes(32).toString('base64url'),
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      received_at: at,
    };
    const [row] = await this.rows<{ accepted: AcceptedText }>('select messaging.accept_inbound($1, $2) as accepted', [
      JSON.stringify([text]),
      at,
    ]);
    const { accepted } = row!;
    if (rings && accepted.ring)
      await this.events.emit(turnRung, { rings: [{ sessionId: accepted.session_id, leaseToken: accepted.lease_token }] });
    return accepted;
  }

  /** What was answered to a phone, in order. */
  async answers(phone: string): Promise<{ id: string; body: string; status: string }[]> {
    return this.rows(
      `select m.id, m.body, m.status from messaging.message_history m join messaging.contacts c on c.id = m.contact_id
       where c.phone = $1 and m.direction = 'outbound' and m.purpose = 'reply' order by m.id`,
      [phone],
    );
  }

  /** Resolves with the bodies of the answers to a phone when there are as many. */
  answered(phone: string, count = 1, withinMs?: number): Promise<string[]> {
    return eventually(async () => {
      const bodies = (await this.answers(phone)).map(({ body }) => body);
      expect(bodies).toHaveLength(count);
      return bodies;
    }, withinMs);
  }

  async turns(sessionId: string): Promise<
    {
      id: string;
      status: string;
      attempts: number;
      agent_id: string;
      failure: { code?: string; closed_by?: string; diagnosis?: string } | null;
    }[]
  > {
    return this.rows('select id, status, attempts, agent_id, failure from routing.turns where session_id = $1 order by id', [sessionId]);
  }

  async session(id: string): Promise<{
    handle: string;
    state: Record<string, unknown>;
    lease_token: string | null;
    lease_until: Date | null;
    run_after: Date;
    agent_id: string;
    last_seq: string;
    done_seq: string;
  }> {
    const [row] = await this.rows('select * from routing.agent_sessions where id = $1', [id]);
    return row as never;
  }

  /** The calls that an agent got. */
  calls(agent: string): AgentCall[] {
    return this.twin.calls().filter((call) => call.agent === agent);
  }

  async chatAs(scope: Scope | null, account = this.account, app = this.app): Promise<Chat> {
    return new Chat(app, scope === null ? null : await this.keyFor(scope, account));
  }

  private async keyFor(scope: Scope, account: string): Promise<string> {
    const { key, prefix, hash } = newApiKey(randomBytes);
    await this.rows(`insert into security.api_keys (account_id, prefix, secret_hash, label, scopes) values ($1, $2, $3, 'test', $4)`, [
      account,
      prefix,
      hash,
      [scope],
    ]);
    return key;
  }
}

/** A caller of `POST /mcp/chat`. */
export class Chat {
  constructor(
    private readonly app: NestFastifyApplication,
    private readonly key: string | null,
  ) {}

  post(body: object | string, headers: Record<string, string> = {}) {
    const sent = request(this.app.getHttpServer()).post('/mcp/chat').set('content-type', 'application/json').set(headers);
    return (this.key === null ? sent : sent.set('authorization', `Bearer ${this.key}`)).send(body);
  }

  say(session_id: string, message: string, headers?: Record<string, string>) {
    return this.post({ type: 'chat.request', session_id, message }, headers);
  }
}
