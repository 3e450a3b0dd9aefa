import pg from 'pg';
import type { Breach, StoredAnswer, StoredText, StoredTurn } from './evidence.js';

/** A short connection each time: the database is killed now and then. */
const withClient = async <T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> => {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3_000, query_timeout: 60_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await use(client);
  } finally {
    await client.end().catch(() => undefined);
  }
};

/** The texts of turns under way: somebody holds the lease and has not answered. Null: the database is away. */
export const runningTexts = (url: string): Promise<string[] | null> =>
  withClient(url, async (client) => {
    const { rows } = await client.query<{ id: string }>(`select unnest(t.message_ids)::text as id
      from routing.agent_sessions s join routing.turns t on t.id = s.turn_id
      where s.lease_until > now() and t.status = 'running' and t.epoch = s.epoch`);
    return rows.map(({ id }) => id);
  }).catch(() => null);

/** What is not finished yet: texts without an answer, turns under way, answers that have not left. Null: the database is away. */
export const unfinished = (url: string): Promise<number | null> =>
  withClient(url, async (client) => {
    const { rows } = await client.query<{ count: number }>(`select (
      (select count(*) from messaging.outbox) + (select count(*) from routing.due_sessions)
      + (select count(*) from routing.agent_sessions where turn_id is not null or done_seq <> last_seq))::integer as count`);
    return rows[0]!.count;
  }).catch(() => null);

export interface Stored {
  texts: StoredText[];
  answers: StoredAnswer[];
  turns: StoredTurn[];
  sentTwice: string[];
  apology: string;
  alerts: Record<string, number>;
  breaches: Breach[];
}

export const readStored = (url: string): Promise<Stored> =>
  withClient(url, async (client) => {
    const query = async <T extends pg.QueryResultRow>(text: string): Promise<T[]> => (await client.query<T>(text)).rows;
    const breaches: Breach[] = [];
    for (const [invariant, breaking] of INVARIANTS) {
      const samples = (await query<{ sample: string }>(breaking)).map(({ sample }) => sample);
      if (samples.length > 0) breaches.push({ invariant, count: samples.length, samples: samples.slice(0, 5) });
    }
    const alerts = await query<{ kind: string; count: number }>(
      'select kind, sum(occurrences)::integer as count from analytics.system_alerts group by kind',
    );
    return {
      texts:
        await query<StoredText>(`select id, message_sid, session_id, seq::integer, status, turn_id, extract(epoch from created_at)::float8 * 1000 as at,
          extract(epoch from (transmission_path -> 0 ->> 'at')::timestamptz)::float8 * 1000 as received_at, transmission_path as path
        from messaging.message_history where direction = 'inbound'`),
      answers:
        await query<StoredAnswer>(`select id, message_sid, session_id, turn_id, in_reply_to, part, status, handed_via, transmission_path as path,
        array(select extract(epoch from (h ->> 'at')::timestamptz)::float8 * 1000 from jsonb_array_elements(transmission_path) h where h ->> 'hop' = 'handed_out') as handed_at
        from messaging.message_history where direction = 'outbound'`),
      turns: await query<StoredTurn>('select id, session_id, status, attempts, message_ids from routing.turns'),
      sentTwice: (await query<{ subject: string }>(`select subject from analytics.system_alerts where kind = 'message_sent_twice'`)).map(
        ({ subject }) => subject,
      ),
      apology: (await query<{ text: string }>(`select security.account_text(security.default_account(), 'apology') as text`))[0]!.text,
      alerts: Object.fromEntries(alerts.map(({ kind, count }) => [kind, count])),
      breaches,
    };
  });

/** What must not be in the database once everything is quiet: each query gives one row for each breach. */
const INVARIANTS: readonly (readonly [invariant: string, breaking: string])[] = [
  ['the outbox is empty', 'select message_id::text as sample from messaging.outbox'],
  ['no session is due', 'select session_id::text as sample from routing.due_sessions'],
  [
    'every text of a session is done',
    `select id::text as sample from routing.agent_sessions where done_seq <> last_seq or waiting <> '{}'`,
  ],
  [
    'no session holds a turn or a lease',
    'select id::text as sample from routing.agent_sessions where turn_id is not null or lease_token is not null',
  ],
  ['no turn is running', `select id::text as sample from routing.turns where status = 'running'`],
  ['no text is waiting', `select id::text as sample from messaging.message_history where direction = 'inbound' and status = 'waiting'`],
  [
    'every text has one receipt',
    `select coalesce(m.id::text, r.message_sid) as sample
    from (select id, message_sid from messaging.message_history where direction = 'inbound' and channel <> 'api') m
    full join messaging.inbound_receipts r on r.message_id = m.id and r.message_sid = m.message_sid where m.id is null or r.message_id is null`,
  ],
  [
    'the texts of a session are numbered without a gap',
    `select session_id::text as sample from messaging.message_history
    where direction = 'inbound' and seq is not null group by session_id having count(*) <> max(seq) or count(distinct seq) <> count(*)`,
  ],
  [
    'a text belongs to one turn that was answered or apologised',
    `select m.id::text as sample from messaging.message_history m
    left join routing.turns t on m.id = any (t.message_ids) and t.status in ('answered', 'apologised')
    where m.direction = 'inbound' and m.seq is not null group by m.id having count(t.id) <> 1`,
  ],
  [
    'what was handed out has a decision that allowed it',
    `select m.id::text as sample from messaging.message_history m
    left join messaging.send_decisions d on d.id = m.decision_id and d.message_id = m.id
    where m.handed_via is not null and d.verdict is distinct from 'allow'`,
  ],
  [
    'what was handed out has its id of the carrier, or a refusal',
    `select id::text as sample from messaging.message_history
    where handed_via is not null and message_sid is null and status <> 'failed'`,
  ],
  [
    'every answer was handed out, or decided against',
    `select id::text as sample from messaging.message_history where direction = 'outbound' and status = 'pending'`,
  ],
  [
    'one id of the carrier is one message',
    `select message_sid as sample from messaging.message_history where message_sid is not null group by direction, message_sid having count(*) > 1`,
  ],
  [
    'usage: one row for each text',
    usage(
      `select id, segments as quantity from messaging.message_history where direction = 'inbound' and channel <> 'api'`,
      'inbound_segment',
    ),
  ],
  [
    'usage: one row for each message that was handed out',
    usage('select id, segments as quantity from messaging.message_history where handed_via is not null', 'outbound_segment'),
  ],
  [
    'usage: one row for each turn',
    usage(`select id, 1 as quantity from routing.turns where status in ('answered', 'apologised')`, 'agent_turn'),
  ],
];

function usage(things: string, kind: string): string {
  return `select coalesce(x.id, u.source_id)::text as sample from (${things}) x
    full join (select source_id, quantity from billing.usage_ledger where kind = '${kind}') u on u.source_id = x.id
    where x.id is null or u.source_id is null or u.quantity <> x.quantity`;
}
