import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import type { ProcessState, RunRecord } from '../src/run-file.js';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const POLL_MS = 50;

export interface InboxMessage {
  seq: number;
  sid: string;
  from: string;
  body: string;
  via: 'twiml' | 'rest' | 'carrier';
  in_reply_to_sid?: string;
  at: number;
}

export interface TextResult {
  message_sid: string;
  http_status: number | null;
  twiml_messages: number;
  waited_ms: number;
}

export interface AgentCall {
  agent: string;
  type: string;
  message: string | null;
  message_ids: string[];
  turn_id: string | null;
  outcome: 'running' | 'finished' | 'aborted';
}

export interface MessageView {
  message_id: string;
  direction: string;
  status: string;
  body: string;
  transmission_path: { hop: string; by: string }[];
}

/** Resolves with the first value that is not null, undefined or false. Throws what `what` says when the time is up. */
export const until = async <T>(what: string, ask: () => Promise<T> | T, limitMs = 20_000): Promise<NonNullable<T>> => {
  for (const end = Date.now() + limitMs; ; await sleep(POLL_MS)) {
    const value = await ask();
    if (value !== null && value !== undefined && value !== false) return value;
    if (Date.now() > end) throw new Error(`not within ${limitMs / 1_000} s: ${what}`);
  }
};

/** The system that all journeys share. What a test makes there (phones, numbers, agents) is its own. */
export class System {
  #made = 0;
  readonly #suite = String(Date.now() % 1_000_000).padStart(6, '0');

  /** As the supervisor says it is now. */
  get run(): RunRecord {
    return JSON.parse(readFileSync(process.env.JOURNEY_RUN!, 'utf8')) as RunRecord;
  }

  get adminKey(): string {
    return readFileSync(this.run.adminKeyFile, 'utf8').trim();
  }

  get twinUrl(): string {
    return this.run.twinUrl!;
  }

  process(name: string): ProcessState {
    return this.run.processes.find((process) => process.name === name)!;
  }

  /** kill -9. Returns what resolves when the supervisor has it back, healthy, with another pid. */
  kill(name: string): () => Promise<ProcessState> {
    const { pid } = this.process(name);
    process.kill(pid!, 'SIGKILL');
    return () =>
      until(
        `${name} is back`,
        () => [this.process(name)].find((now) => now.pid !== null && now.pid !== pid && now.status === 'healthy'),
        60_000,
      );
  }

  /** A phone that nobody else uses. */
  phone(): Phone {
    this.#made += 1;
    return new Phone(this, `+1666${this.#suite}${this.#made % 10}${Math.floor(this.#made / 10)}`);
  }

  /** Registers a sample agent of the twin by the API and binds a number to it. */
  async agent({
    dialect = 'chat',
    double_text = 'coalesce',
    ...query
  }: {
    dialect?: 'chat' | 'mcp';
    double_text?: 'coalesce' | 'merge' | 'enqueue';
    delay_ms?: number;
    idempotent?: 1;
  } = {}): Promise<Agent> {
    this.#made += 1;
    const name = `journey-${this.#suite}-${this.#made}`;
    const number = `+1555${this.#suite}${this.#made}`;
    const parameters = new URLSearchParams({
      name,
      ...Object.fromEntries(Object.entries(query).map(([key, value]) => [key, String(value)])),
    });
    const registered = await this.api<{ agent_id: string; status: string; dialect: string }>(
      'agent-registry',
      'POST',
      '/api/v1/agents/register',
      {
        agent_name: name,
        endpoint_url: `${this.twinUrl}/agents/${dialect}?${parameters}`,
        api_key: `secret-of-${name}`,
        max_concurrent_sessions: 1_000,
        double_text,
      },
    );
    await this.api('sms-gateway', 'POST', '/api/v1/numbers', { phone_number: number, agent_id: registered.agent_id });
    return new Agent(this, name, number, registered);
  }

  /** Throws on any status but 2xx. */
  async api<T>(app: string, method: string, path: string, body?: object): Promise<T> {
    const headers = { authorization: `Bearer ${this.adminKey}`, ...(body && { 'content-type': 'application/json' }) };
    return json(await fetch(this.run.urls[app] + path, { method, headers, ...(body && { body: JSON.stringify(body) }) }));
  }

  async twin<T>(method: string, path: string, body?: object): Promise<T> {
    return json(
      await fetch(this.twinUrl + path, {
        method,
        ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      }),
    );
  }

  async sql<T extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<T[]> {
    const client = new pg.Client({ connectionString: this.run.databaseUrl!, connectionTimeoutMillis: 5_000 });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query<T>(text, values)).rows;
    } finally {
      await client.end();
    }
  }

  /** Nothing is under way: every text is answered, every answer is with the carrier and known to be. */
  settled(): Promise<unknown> {
    const sql = 'select (select count(*) from messaging.outbox) + (select count(*) from routing.due_sessions) = 0 as settled';
    return until('everything is settled', async () => (await this.sql<{ settled: boolean }>(sql).catch(() => []))[0]?.settled, 60_000);
  }

  /** Runs a command of the project as a person would; resolves with its output. Rejects on an exit code other than 0. */
  async command(...args: string[]): Promise<string> {
    const env = { ...process.env, DARKSPERE_HOME: this.run.home, NODE_OPTIONS: '' };
    const { stdout } = await promisify(execFile)(process.execPath, [join(ROOT, 'tools/local/start.mjs'), ...args], {
      env,
      cwd: ROOT,
      timeout: 60_000,
    });
    return stdout;
  }
}

/** An agent of the twin with a number of its own. */
export class Agent {
  constructor(
    private readonly system: System,
    readonly name: string,
    readonly number: string,
    readonly registered: { agent_id: string; status: string; dialect: string },
  ) {}

  /** The turns that it was asked for; the chats of its probe have no texts. */
  async calls(): Promise<AgentCall[]> {
    const { calls } = await this.system.twin<{ calls: AgentCall[] }>('GET', '/agents/calls');
    return calls.filter(
      ({ agent, type, message_ids: ids }) => agent === this.name && (type === 'chat.request' || type === 'tools/call') && ids.length > 0,
    );
  }

  /** From now on it behaves like this; it was well when it was registered. */
  turn(control: { mode?: string; delay_ms?: number; down?: boolean }): Promise<unknown> {
    return this.system.twin('PUT', '/agents/control', { agent: this.name, ...control });
  }

  /** Resolves when it thinks about something. */
  busy(): Promise<unknown> {
    return until(`${this.name} is asked`, async () => (await this.calls()).some(({ outcome }) => outcome === 'running'));
  }
}

export class Phone {
  constructor(
    private readonly system: System,
    readonly number: string,
  ) {}

  /** Resolves when the webhook has taken the text, with the answer in it or not. */
  text(to: string, body: string, more: { media_urls?: string[] } = {}): Promise<TextResult> {
    return this.system.twin('POST', `/twin/phones/${encodeURIComponent(this.number)}/texts`, { to, body, ...more });
  }

  /** Resolves at once. */
  send(to: string, body: string): Promise<TextResult> {
    return this.system.twin('POST', `/twin/phones/${encodeURIComponent(this.number)}/texts`, { to, body, wait: false });
  }

  async inbox(after = 0): Promise<InboxMessage[]> {
    return (
      await this.system.twin<{ messages: InboxMessage[] }>('GET', `/twin/phones/${encodeURIComponent(this.number)}/messages?after=${after}`)
    ).messages;
  }

  /** Resolves with all messages as soon as there are that many. */
  received(count: number, limitMs = 20_000): Promise<InboxMessage[]> {
    return until(
      `${count} messages on ${this.number}`,
      async () => [await this.inbox()].find((messages) => messages.length >= count),
      limitMs,
    );
  }

  /** What this phone has received, once nothing more can come. */
  async bodies(): Promise<string[]> {
    await this.system.settled();
    return (await this.inbox()).map(({ body }) => body);
  }

  /** Newest first, as the API shows them. */
  async messages(): Promise<MessageView[]> {
    return (
      await this.system.api<{ messages: MessageView[] }>('sms-gateway', 'GET', `/api/v1/messages?phone=${encodeURIComponent(this.number)}`)
    ).messages;
  }
}

const json = async <T>(response: Response): Promise<T> => {
  const text = await response.text();
  if (!response.ok) throw new Error(`HTTP ${response.status} from ${response.url}: ${text}`);
  return JSON.parse(text || 'null') as T;
};
