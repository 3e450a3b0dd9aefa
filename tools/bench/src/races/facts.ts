import type { Database } from './database.js';

/** Moments are microseconds since the epoch: when the transaction committed, by the server's own record of it. */
export interface TextFact {
  id: string;
  phone: string;
  at: number;
  status: string;
  sessionId: string | null;
  seq: number | null;
  answerId: string | null;
  turnId: string | null;
  turnStatus: string | null;
  /** Turns that answered it. */
  turns: number;
}

export interface OutboundFact {
  id: string;
  phone: string;
  purpose: string;
  status: string;
  /** The rule of the gate that decided last. */
  rule: string | null;
  turnId: string | null;
  /** What shares one order: the session for answers, the message itself for others. */
  orderId: string;
  toSeq: number;
  part: number;
}

export interface Facts {
  texts: TextFact[];
  outbound: OutboundFact[];
  handOuts: { phone: string; messageId: string; at: number }[];
  consents: { phone: string; isOut: boolean; at: number }[];
  sessions: { phone: string; id: string; lastSeq: number }[];
  leftovers: string[];
  usageTwice: string[];
}

/** These rows are written once, so their xmin is the transaction that made them. */
const committed = (row: string): string => `(extract(epoch from pg_xact_commit_timestamp(${row}.xmin)) * 1000000)::float8 as at`;

const TEXTS = `
  select c.phone, m.id, ${committed('r')}, m.status, m.session_id as "sessionId", m.seq::float8 as seq, m.answer_id as "answerId", m.turn_id as "turnId", t.status as "turnStatus",
    (select count(*)::int from routing.turns x where x.session_id = m.session_id and m.id = any (x.message_ids) and x.status in ('answered', 'apologised')) as turns
  from messaging.contacts c join messaging.message_history m on m.contact_id = c.id and m.direction = 'inbound'
  join messaging.inbound_receipts r on r.account_sid = c.account_id::text and r.message_sid = m.message_sid
  left join routing.turns t on t.id = m.turn_id
  where c.account_id = $1 and c.phone = any ($2)`;

const OUTBOUND = `
  select c.phone, m.id, m.purpose, m.status, d.rule, m.turn_id as "turnId", case when m.purpose = 'reply' then m.session_id else coalesce(first.id, m.id) end as "orderId",
    coalesce(t.to_seq, 0)::float8 as "toSeq", m.part
  from messaging.contacts c join messaging.message_history m on m.contact_id = c.id and m.direction = 'outbound'
  left join messaging.send_decisions d on d.id = m.decision_id
  left join routing.turns t on t.id = m.turn_id
  left join lateral (select f.id from messaging.message_history f
    where m.part > 1 and f.contact_id = m.contact_id and f.purpose = m.purpose and f.part = 1 and f.id < m.id order by f.id desc limit 1) first on true
  where c.account_id = $1 and c.phone = any ($2)`;

const HAND_OUTS = `
  select c.phone, d.message_id as "messageId", ${committed('d')}
  from messaging.contacts c join messaging.message_history m on m.contact_id = c.id and m.direction = 'outbound'
  join messaging.send_decisions d on d.message_id = m.id and d.verdict = 'allow'
  where c.account_id = $1 and c.phone = any ($2) order by at`;

const CONSENTS = `
  select c.phone, x.action = 'opt_out' as "isOut", ${committed('x')}
  from messaging.contacts c join messaging.consents x on x.contact_id = c.id where c.account_id = $1 and c.phone = any ($2) order by at, x.id`;

const SESSIONS = `
  select c.phone, s.id, s.last_seq::float8 as "lastSeq"
  from messaging.contacts c join routing.agent_sessions s on s.contact_id = c.id where c.account_id = $1 and c.phone = any ($2)`;

const LEFTOVERS = `
  select c.phone, 'outbox: ' || o.message_id || ' ' || o.state as what from messaging.contacts c join messaging.outbox o on o.contact_id = c.id
  where c.account_id = $1 and c.phone = any ($2)
  union all
  select c.phone, 'session ' || s.id || ': ' || s.done_seq || ' of ' || s.last_seq || ', waiting ' || s.waiting::text || ', due ' || (d.session_id is not null) || ', turn ' || coalesce(s.turn_id::text, 'none')
  from messaging.contacts c join routing.agent_sessions s on s.contact_id = c.id left join routing.due_sessions d on d.session_id = s.id
  where c.account_id = $1 and c.phone = any ($2) and (s.done_seq <> s.last_seq or s.waiting <> '{}' or d.session_id is not null or (s.turn_id is not null and s.lease_until > $3))`;

/** What was billed and should not have been, or should have been and was not. */
const USAGE = `
  select c.phone, m.id as what from messaging.contacts c join messaging.message_history m on m.contact_id = c.id
  left join billing.usage_ledger u on u.source_id = m.id and u.kind = m.direction || '_segment'
  where c.account_id = $1 and c.phone = any ($2) and (u.quantity is distinct from case when m.direction = 'inbound' or m.handed_via is not null then 1 end)
  union all
  select c.phone, t.id from messaging.contacts c join routing.agent_sessions s on s.contact_id = c.id join routing.turns t on t.session_id = s.id
  left join billing.usage_ledger u on u.source_id = t.id and u.kind = 'agent_turn'
  where c.account_id = $1 and c.phone = any ($2) and (u.quantity is distinct from case when t.status in ('answered', 'apologised') then 1 end)
  union all
  select c.phone, a.subject::uuid from analytics.system_alerts a join messaging.message_history m on m.id = a.subject::uuid join messaging.contacts c on c.id = m.contact_id
  where a.account_id = $1 and a.kind = 'message_sent_twice' and c.phone = any ($2)`;

/** What the database holds of these phones, by phone. */
export const gatherFacts = async (database: Database, account: string, phones: string[], now: Date): Promise<Map<string, Facts>> => {
  const facts = new Map(
    phones.map((phone): [string, Facts] => [
      phone,
      { texts: [], outbound: [], handOuts: [], consents: [], sessions: [], leftovers: [], usageTwice: [] },
    ]),
  );
  const gather = async <T extends { phone: string }>(
    query: string,
    put: (facts: Facts, row: T) => void,
    ...more: unknown[]
  ): Promise<void> => {
    for (const row of await database.rows<T>(query, [account, phones, ...more])) put(facts.get(row.phone)!, row);
  };
  await gather<TextFact>(TEXTS, ({ texts }, row) => texts.push(row));
  await gather<OutboundFact>(OUTBOUND, ({ outbound }, row) => outbound.push(row));
  await gather<Facts['handOuts'][number]>(HAND_OUTS, ({ handOuts }, row) => handOuts.push(row));
  await gather<Facts['consents'][number]>(CONSENTS, ({ consents }, row) => consents.push(row));
  await gather<Facts['sessions'][number]>(SESSIONS, ({ sessions }, row) => sessions.push(row));
  await gather<{ phone: string; what: string }>(LEFTOVERS, ({ leftovers }, row) => leftovers.push(row.what), now);
  await gather<{ phone: string; what: string }>(USAGE, ({ usageTwice }, row) => usageTwice.push(row.what));
  return facts;
};
