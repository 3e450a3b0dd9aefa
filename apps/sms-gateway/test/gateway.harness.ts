import { randomBytes, randomUUID } from 'node:crypto';
import { Writable } from 'node:stream';
import { Module, type INestMicroservice } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { bootstrap } from '@darkspere/database';
import { newApiKey, type Scope } from '@darkspere/domain';
import { JsonLogger, createAdapter, validationPipe } from '@darkspere/platform';
import { createTestDatabase, type TestDatabase } from '@darkspere/testing';
import { RedisStreamsServer, TransportModule } from '@darkspere/transport';
import { createTwin, type Twin } from '@darkspere/twin';
import { Test } from '@nestjs/testing';
import request from 'supertest';
import twilio from 'twilio';
import { FakeAdapter, POOL } from './fake-adapter.js';

/** The number of the first start, bound to the built-in team of the default account. */
export const NUMBER = '+15550001000';

export interface GatewayOptions {
  budgetMs?: number;
  publicBaseUrl?: string;
  /** Default: the Redis of the test run, a database for each worker. */
  redisUrl?: string;
}

export type Form = Record<string, string | string[]>;

export interface Signing {
  token?: string;
  /** The whole header; null: none. */
  signature?: string | null;
  /** What is signed, when that is not what is sent. */
  signedForm?: Form;
  signedUrl?: string;
  headers?: Record<string, string>;
}

/** The gateway on a database of its own, between the twin's carrier and an adapter that is faked. */
export class Gateway {
  readonly adapter: FakeAdapter;
  private phones = 0;
  private closed: Promise<void> | null = null;

  private constructor(
    readonly app: NestFastifyApplication,
    readonly url: string,
    readonly publicBaseUrl: string,
    readonly database: TestDatabase,
    readonly twin: Twin,
    readonly account: string,
    readonly otherAccount: string,
    /** The lines of the log. */
    readonly log: string[],
    private readonly service: INestMicroservice,
  ) {
    this.adapter = service.get(FakeAdapter);
  }

  static async start({ budgetMs = 8_000, publicBaseUrl = 'https://sms.example.com', ...options }: GatewayOptions = {}): Promise<Gateway> {
    const [database, twin] = await Promise.all([createTestDatabase(), createTwin()]);
    const redisUrl = options.redisUrl ?? `${process.env.TEST_REDIS_URL}/${(Number(process.env.JEST_WORKER_ID ?? 0) % 14) + 1}`;
    Object.assign(process.env, {
      DATABASE_URL: database.url,
      REDIS_URL: redisUrl,
      ENCRYPTION_KEYS: `test:${Buffer.alloc(32, 1).toString('base64')}`,
      PUBLIC_BASE_URL: publicBaseUrl,
      TWILIO_ACCOUNT_SID: twin.accountSid,
      TWILIO_AUTH_TOKEN: twin.authToken,
      TWILIO_API_BASE: twin.url,
      REPLY_BUDGET_MS: String(budgetMs),
    });
    const { accountId } = await bootstrap(database.url, { name: 'ours', phoneNumber: NUMBER, adminKey: null });
    const { rows } = await database.pool.query<{ id: string }>(`insert into security.accounts (name) values ('theirs') returning id`);

    @Module({
      imports: [TransportModule.forRoot({ service: 'mcp-adapter', redisUrl })],
      controllers: [FakeAdapter],
      providers: [{ provide: POOL, useValue: database.pool }],
    })
    class FakeAdapterModule {}
    const service = await NestFactory.createMicroservice(FakeAdapterModule, {
      strategy: new RedisStreamsServer({ service: 'mcp-adapter', redisUrl }),
      logger: false,
    });
    await service.listen();

    const log: string[] = [];
    const logger = new JsonLogger('sms-gateway', 'trace', new Writable({ write: (line, _, done) => (log.push(String(line)), done()) }));
    // Modules read the environment when they are loaded.
    const { SmsGatewayModule } = await import('../src/sms-gateway.module.js');
    const module = await Test.createTestingModule({ imports: [SmsGatewayModule] }).compile();
    const app = module.createNestApplication<NestFastifyApplication>(createAdapter(), { logger });
    app.useGlobalPipes(validationPipe());
    await app.listen(0, '127.0.0.1');
    const url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
    twin.setWebhook(`${url}/sms/incoming`, `${publicBaseUrl}/sms/incoming`);
    return new Gateway(app, url, publicBaseUrl, database, twin, accountId, rows[0]!.id, log, service);
  }

  /** The app alone, as on SIGTERM. */
  close(): Promise<void> {
    this.closed ??= this.app.close();
    return this.closed;
  }

  async stop(): Promise<void> {
    await this.twin.close();
    await this.close();
    await this.service.close();
    await this.database.drop();
  }

  /** A phone that nobody has used before. */
  phone(): string {
    this.phones += 1;
    return `+1555777${String(this.phones).padStart(4, '0')}`;
  }

  /** An inbound form of the default account's carrier, signed unless told otherwise. */
  incoming(form: Form, signing?: Signing) {
    return this.post(
      '/sms/incoming',
      { AccountSid: this.twin.accountSid, MessageSid: newSid(), To: NUMBER, From: '+15557779999', Body: 'Hello', NumMedia: '0', ...form },
      signing,
    );
  }

  /** A form to any path. */
  post(path: string, form: Form, signing?: Signing) {
    const { body, headers } = this.signed(path, form, signing);
    return this.send(path, body, headers);
  }

  /** A form as the carrier sends it. */
  signed(
    path: string,
    form: Form,
    { token = this.twin.authToken, signature, signedForm = form, signedUrl = this.publicBaseUrl + path, headers = {} }: Signing = {},
  ) {
    const signed = signature === undefined ? twilio.getExpectedTwilioSignature(token, signedUrl, signedForm) : signature;
    const fields = Object.entries(form).flatMap(([name, values]) => [values].flat().map((value): [string, string] => [name, value]));
    return {
      body: new URLSearchParams(fields).toString(),
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        ...(signed !== null && { 'x-twilio-signature': signed }),
        ...headers,
      },
    };
  }

  async send(path: string, body: string, headers: Record<string, string>) {
    const response = await fetch(this.url + path, { method: 'POST', body, headers });
    const text = await response.text();
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      text,
      problem: () => JSON.parse(text) as { code: string; errors: { field: string; message: string }[] },
    };
  }

  /** A caller with a new key of that scope; `null`: without a key. */
  async as(scope: Scope | null, account = this.account): Promise<Caller> {
    return new Caller(this.app, scope === null ? null : await this.keyFor(scope, account));
  }

  async rows<T extends object>(sql: string, values: unknown[] = []): Promise<T[]> {
    return (await this.database.pool.query<T>(sql, values)).rows;
  }

  /** The messages with a phone, oldest first. */
  messages(phone: string): Promise<StoredMessage[]> {
    return this.rows(
      `select m.*, (select count(*)::int from messaging.outbox o where o.message_id = m.id) as unsettled
       from messaging.message_history m join messaging.contacts c on c.id = m.contact_id where c.phone = $1 order by m.id`,
      [phone],
    );
  }

  /** Moves the moment back at which messages to a phone were handed out: what happens 15 s later happens now. */
  async handedOutLongAgo(phone: string): Promise<void> {
    await this.rows(
      `update messaging.outbox o set handed_at = handed_at - interval '20 seconds', checked_at = null
       from messaging.contacts c where c.id = o.contact_id and c.phone = $1 and o.handed_at is not null`,
      [phone],
    );
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

export interface StoredMessage {
  id: string;
  direction: 'inbound' | 'outbound';
  channel: string;
  body: string;
  status: string;
  error_code: string | null;
  message_sid: string | null;
  handed_via: string | null;
  purpose: string | null;
  answer_id: string | null;
  transmission_path: { hop: string }[];
  /** 1: still in the outbox. */
  unsettled: number;
}

export class Caller {
  constructor(
    private readonly app: NestFastifyApplication,
    readonly key: string | null,
  ) {}

  get = (path: string) => this.send('get', path);
  delete = (path: string) => this.send('delete', path);
  put = (path: string, body: object) => this.send('put', path).send(body);
  post = (path: string, body: object | string = {}) => this.send('post', path).set('content-type', 'application/json').send(body);

  private send(method: 'get' | 'post' | 'put' | 'delete', path: string) {
    const sent = request(this.app.getHttpServer())[method](`/api/v1${path}`);
    return this.key === null ? sent : sent.set('authorization', `Bearer ${this.key}`);
  }
}

export const newSid = (): string => `SM${randomUUID().replaceAll('-', '')}`;
