import { randomUUID } from 'node:crypto';
import { createTestDatabase } from '@darkspere/testing';
import pg from 'pg';
import { PLANNER, Sql } from '../src/index.js';
import type { Accepted, Claim, Claimed, End, Message, Outcome, Sends, Taken } from './engine.types.js';

export const LEASE_MS = 4_000;
const LEASE = `${LEASE_MS} milliseconds`;
/** Of a turn that is leased with its text. */
export const FIRST_LEASE_MS = 3_000;
const OFFER_MS = 3_500;

/** What a text carries besides its body; see `messaging.accept_inbound`. */
export type TextFields = Record<string, unknown>;
export const STOP: TextFields = { body: 'STOP', intent: 'opt_out', intent_source: 'keyword' };
export const START: TextFields = { body: 'START', intent: 'opt_in', intent_source: 'keyword' };
export const HELP: TextFields = { body: 'HELP', intent: 'help', intent_source: 'keyword' };
export const YES: TextFields = { body: 'YES', intent: 'opt_in_if_out', intent_source: 'keyword' };

/** The turn engine on a database of its own, with a clock that only tests move. */
export class Engine {
  now = new Date();
  private made = 0;
  private readonly holders: pg.Client[] = [];

  private constructor(
    private readonly dropDatabase: () => Promise<void>,
    readonly url: string,
    readonly pool: pg.Pool,
    readonly sql: Sql,
    readonly account: string,
  ) {}

  /** Connections plan as those of the apps do. */
  static async start(): Promise<Engine> {
    const { url, drop } = await createTestDatabase();
    const pool = new pg.Pool({ connectionString: url, max: 20, options: PLANNER });
    pool.on('error', () => undefined);
    const sql = new Sql(pool);
    const account = await sql.value<string>('security.ensure_default_account', ['ours']);
    return new Engine(
      async () => {
        await pool.end();
        await drop();
      },
      url,
      pool,
      sql,
      account,
    );
  }

  /** A failed test may have left a transaction open, for whose locks other connections wait. */
  async stop(): Promise<void> {
    await Promise.all(this.holders.map((holder) => holder.end()));
    await this.dropDatabase();
  }

  /** Forgets what earlier tests left to be sent: senders and reconcilers see the whole database. */
  async clear(): Promise<void> {
    await this.pool.query('delete from messaging.outbox');
  }

  pass(ms: number): Date {
    this.now = new Date(this.now.getTime() + ms);
    return this.now;
  }

  after(ms: number): Date {
    return new Date(this.now.getTime() + ms);
  }

  /** The rows of a query; `row` and `cell` expect exactly one. */
  async rows<T>(text: string, values: unknown[] = []): Promise<T[]> {
    return (await this.pool.query(text, values)).rows as T[];
  }

  async cell<T>(text: string, values: unknown[] = []): Promise<T> {
    const rows = await this.rows<Record<string, T>>(text, values);
    if (rows.length !== 1) throw new Error(`${rows.length} rows: ${text}`);
    return Object.values(rows[0]!)[0]!;
  }

  /** An agent that is well; `columns` override its row. */
  agent(columns: Record<string, unknown> = {}): Promise<string> {
    const row = {
      account_id: this.account,
      agent_name: 'agent',
      endpoint_url: 'https://agent.test',
      dialect: 'chat',
      status: 'active',
      ...columns,
    };
    const names = Object.keys(row);
    return this.cell(
      `insert into registry.agent_registry (${names.join(', ')}) values (${names.map((_, i) => `$${i + 1}`).join(', ')}) returning id`,
      Object.values(row),
    );
  }

  /** A number of ours, bound to an agent or (null) to none. */
  async number(agent: string | null, account = this.account): Promise<string> {
    const number = `+1555${String((this.made += 1)).padStart(7, '0')}`;
    await this.sql.value('messaging.bind_number', [account, number, agent, this.now]);
    return number;
  }

  /** A number bound to an agent of its own with that policy, and somebody who texts it. */
  async phone(doubleText = 'coalesce'): Promise<Phone> {
    return this.phoneTo(await this.number(await this.agent({ double_text: doubleText })));
  }

  phoneTo(number: string): Phone {
    return new Phone(this, `+1777${String((this.made += 1)).padStart(7, '0')}`, number);
  }

  accept(texts: TextFields[], now = this.now): Promise<Accepted[]> {
    return this.sql.values('messaging.accept_inbound', [JSON.stringify(texts), now]);
  }

  async claim(session: string, leaseToken: string | null = null): Promise<Claim> {
    return (await this.sql.values<Claim>('routing.claim_turns', [[session], [leaseToken], this.now, LEASE]))[0]!;
  }

  async claimed(session: string, leaseToken: string | null = null): Promise<Claimed> {
    const claim = await this.claim(session, leaseToken);
    if (claim.outcome !== 'claimed') throw new Error(`not claimed: ${JSON.stringify(claim)}`);
    return claim;
  }

  async complete(turn: Claimed, ...bodies: string[]): Promise<End> {
    return (await this.sql.values<End>('routing.complete_turns', [JSON.stringify([completion(turn, ...bodies)]), this.now]))[0]!;
  }

  fail(turn: Claimed, pauseMs: number | null, counts = true): Promise<End> {
    const failure = JSON.stringify({ code: 'agent_down', diagnosis: 'It is down.' });
    return this.sql.value('routing.fail_attempt', [
      turn.session_id,
      turn.turn_id,
      turn.lease_token,
      failure,
      pauseMs === null ? null : `${pauseMs} milliseconds`,
      counts,
      this.now,
    ]);
  }

  async take(messageId: string, givesUp = false): Promise<Taken> {
    return (await this.sql.values<Taken>('messaging.take_reply', [[messageId], [givesUp], this.now]))[0]!;
  }

  /** A message that nobody asked for, to a phone. */
  create<T extends { message_id: string }>(phone: Phone, bodies: string[], fields: object = {}): Promise<T> {
    return this.sql.value('messaging.create_outbound', [
      this.account,
      JSON.stringify({
        from: phone.to,
        to: phone.from,
        channel: 'sms',
        purpose: 'marketing',
        media: null,
        parts: bodies.map((body) => ({ body, segments: 1, encoding: 'GSM-7' })),
        ...fields,
      }),
      this.now,
    ]);
  }

  due(limit = 100): Promise<Sends> {
    return this.sql.value('messaging.claim_due', [limit, this.now]);
  }

  /** Bodies that the sender gets now. */
  async sent(): Promise<string[]> {
    return (await this.due()).sends.map(({ body }) => body);
  }

  receipt(id: string, sid: string, status: string, errorCode: string | null = null): Promise<Outcome> {
    return this.sql.value('messaging.record_receipt', [id, sid, status, errorCode, this.now]);
  }

  async message(id: string): Promise<Message> {
    return (await this.rows<Message>('select * from messaging.message_history where id = $1', [id]))[0]!;
  }

  /** Outbound messages to a phone, oldest first. */
  outbound(phone: string): Promise<Message[]> {
    return this.rows(
      `select m.* from messaging.message_history m join messaging.contacts c on c.id = m.contact_id
       where c.phone = $1 and m.direction = 'outbound' order by m.id`,
      [phone],
    );
  }

  /** Runs a statement in a transaction of its own that stays open, with its locks, until `commit`. */
  async holding(text: string, values: unknown[] = []): Promise<{ rows: Record<string, unknown>[]; commit(): Promise<void> }> {
    const client = new pg.Client({ connectionString: this.url, options: PLANNER });
    client.on('error', () => undefined);
    this.holders.push(client);
    await client.connect();
    await client.query('begin');
    const { rows } = await client.query(text, values);
    return {
      rows: rows as Record<string, unknown>[],
      commit: async () => {
        await client.query('commit');
        await client.end();
      },
    };
  }

  /** Resolves when that many of our connections wait for locks of others. */
  async waitingForLocks(count = 1): Promise<void> {
    const end = Date.now() + 10_000;
    const waiting = `select count(*)::int from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    while ((await this.cell<number>(waiting)) < count) {
      if (Date.now() > end) throw new Error(`fewer than ${count} wait for a lock`);
    }
  }

  session(id: string): Promise<Record<string, unknown>> {
    return this.rows<Record<string, unknown>>('select * from routing.agent_sessions where id = $1', [id]).then(([row]) => row!);
  }

  alerts(subject: string): Promise<{ kind: string; severity: string; occurrences: number }[]> {
    return this.rows('select kind, severity, occurrences from analytics.system_alerts where subject = $1 order by id', [subject]);
  }
}

/** What an adapter gives back for a turn: one part a body. */
export const completion = ({ session_id, turn_id, lease_token }: Claimed, ...bodies: string[]): object => ({
  session_id,
  turn_id,
  lease_token,
  parts: (bodies.length > 0 ? bodies : ['answer']).map((body) => ({ body, segments: 1, encoding: 'GSM-7' })),
  hops: [],
});

/** Somebody with a phone who texts one number of ours. */
export class Phone {
  session = '';
  /** The lease that came with a text, until somebody answers its ring. */
  lease: string | null = null;

  constructor(
    private readonly engine: Engine,
    readonly from: string,
    readonly to: string,
  ) {}

  /** The form of a text from this phone, as the gateway hands it on. */
  form(fields: TextFields = {}): TextFields {
    const { account, now } = this.engine;
    return {
      account_id: account,
      account_sid: 'AC1',
      message_sid: `SM${randomUUID()}`,
      from: this.from,
      to: this.to,
      channel: 'sms',
      body: 'hello',
      media: null,
      segments: 1,
      encoding: 'GSM-7',
      fields: {},
      intent: null,
      intent_source: null,
      is_answered_by_carrier: false,
      // Nobody waits for the answer: it is not handed out when it is stored.
      waiter: null,
      offer_until: this.engine.after(OFFER_MS),
      handle: randomUUID(),
      traceparent: '00-trace',
      received_at: now,
      ...fields,
    };
  }

  async text(fields: TextFields | string = {}): Promise<Accepted & { message_id: string }> {
    return (await this.texts(fields))[0]!;
  }

  /** Texts that are stored together: more than one are not leased with it. */
  async texts(...texts: (TextFields | string)[]): Promise<(Accepted & { message_id: string })[]> {
    const accepted = await this.engine.accept(texts.map((text) => this.form(typeof text === 'string' ? { body: text } : text)));
    this.session = accepted[0]!.session_id ?? this.session;
    this.lease = accepted[0]!.lease_token ?? this.lease;
    return accepted as (Accepted & { message_id: string })[];
  }

  /** As whoever answers the ring; the next one claims without a lease. */
  claim(): Promise<Claim> {
    return this.engine.claim(this.session, this.answerRing());
  }

  claimed(): Promise<Claimed> {
    return this.engine.claimed(this.session, this.answerRing());
  }

  private answerRing(): string | null {
    const { lease } = this;
    this.lease = null;
    return lease;
  }

  /** A text and its answer, not handed out yet. Returns the text's id and the answer's. */
  async answered(body = 'hello', ...answers: string[]): Promise<{ text: string; answer: string; turn: string }> {
    const { message_id } = await this.text(body);
    const turn = await this.claimed();
    await this.engine.complete(turn, ...(answers.length > 0 ? answers : [`re: ${body}`]));
    return { text: message_id, answer: (await this.engine.message(message_id)).answer_id!, turn: turn.turn_id };
  }
}
