-- Published to routing: the first texts of a mailbox that belong in one turn, in order: [{id, body, media, at, traceparent}].
-- A text that came by POST /mcp/chat is a turn of its own, since its answer goes to another place. As all functions that
-- return sets and stand in FROM, it becomes part of the statement that uses it.
create or replace function messaging.leading_texts(p_ids uuid[], p_limit integer) returns table (texts json, count integer, first_at timestamptz)
language sql stable as $$
  select json_agg(json_build_object('id', id, 'body', body, 'media', media, 'at', created_at, 'traceparent', traceparent) order by n),
    count(*)::integer, min(created_at) filter (where n = 1)
  from (
    select i.n, m.*, min(i.n) filter (where m.channel = 'api') over () as first_chat
    from unnest(p_ids[1 : p_limit]) with ordinality i(id, n)
    cross join lateral (select id, body, media, created_at, traceparent, channel from messaging.message_history where id = i.id offset 0) m
  ) x
  where first_chat is null or n < greatest(first_chat, 2)
$$;

create or replace function messaging.joined_text(p_ids uuid[]) returns text
language sql stable as $$
  select string_agg(x ->> 'body', E'\n') from messaging.leading_texts(p_ids, cardinality(p_ids)) t cross join json_array_elements(t.texts) x
$$;

-- Published to routing: the last messages of a session, oldest first: [{role, content, timestamp}]. Texts that wait for
-- their answer are not history yet; answers that never left are not either. The limit is a literal: with a parameter the
-- generic plan expects a tenth of the table and sorts.
create or replace function messaging.history(p_contact uuid, p_session uuid, p_since timestamptz) returns setof json
language sql stable as $$
  select coalesce(json_agg(json_build_object('role', h.role, 'content', h.body, 'timestamp', h.created_at) order by h.id), '[]')
  from (select platform.uuid_at(p_since - interval '1 minute') as id offset 0) since
  cross join lateral (
    select id, case direction when 'inbound' then 'user' else 'assistant' end as role, body, created_at
    from messaging.message_history
    where contact_id = p_contact and id >= since.id and session_id = p_session
      and status not in ('waiting', 'closed', 'fenced', 'refused')
    order by id desc limit 20
  ) h
$$;

-- Published to routing, for agents with a grant only.
create or replace function messaging.phone_of(p_contact uuid) returns text
language sql stable as $$ select phone from messaging.contacts where id = p_contact $$;

-- Published to mcp-adapter: the answer to a text that came by POST /mcp/chat, or null while it is undecided.
create or replace function messaging.chat_answer(p_message_id uuid) returns jsonb
language sql stable as $$
  select jsonb_build_object('status', i.status, 'answer_id', i.answer_id, 'turn_id', i.turn_id,
    'message', (select string_agg(o.body, ' ' order by o.id) from messaging.message_history o
                where o.contact_id = i.contact_id and o.id >= i.answer_id and o.in_reply_to = i.id and o.status <> 'fenced'))
  from messaging.message_history i where i.id = p_message_id and i.status <> 'waiting'
$$;

-- One message as people read it; an inbound one with its answer's hops, an answer with its text's.
create or replace function messaging.message_json(m messaging.message_history, p_path jsonb) returns jsonb
language sql stable as $$
  select jsonb_build_object(
    'message_id', m.id, 'direction', m.direction, 'channel', m.channel, 'status', m.status,
    'from', case m.direction when 'inbound' then c.phone else n.phone_number end,
    'to', case m.direction when 'inbound' then n.phone_number else c.phone end,
    'body', m.body, 'media_urls', coalesce((select jsonb_agg(x -> 'url') from jsonb_array_elements(m.media) x), '[]'),
    'segments', m.segments, 'encoding', m.encoding, 'purpose', m.purpose, 'session_id', m.session_id, 'turn_id', m.turn_id,
    'message_sid', m.message_sid, 'error_code', m.error_code, 'in_reply_to', m.in_reply_to, 'answer_id', m.answer_id,
    'part', m.part, 'parts', m.parts, 'carrier_fields', m.carrier_fields, 'handed_via', m.handed_via,
    'decision', (select jsonb_build_object('decision_id', d.id, 'verdict', d.verdict, 'rule', d.rule, 'detail', d.detail,
                  'defer_until', d.defer_until, 'decided_at', d.decided_at) from messaging.send_decisions d where d.id = m.decision_id),
    'transmission_path', p_path, 'traceparent', m.traceparent, 'created_at', m.created_at)
  from messaging.contacts c, messaging.phone_numbers n where c.id = m.contact_id and n.id = m.number_id
$$;

create or replace function messaging.read_message(p_account uuid, p_id uuid) returns jsonb
language sql stable as $$
  select messaging.message_json(m, coalesce(q.transmission_path, '[]') || m.transmission_path || coalesce(a.transmission_path, '[]'))
  from messaging.message_history m
  left join messaging.message_history q on q.id = m.in_reply_to and m.direction = 'outbound'
  left join messaging.message_history a on a.id = m.answer_id and m.direction = 'inbound'
  where m.id = p_id and m.account_id = p_account
$$;

-- Newest first, before p_before if given.
create or replace function messaging.list_messages(p_account uuid, p_phone text, p_before uuid, p_limit integer) returns setof jsonb
language sql stable as $$
  select messaging.message_json(m, m.transmission_path)
  from messaging.message_history m
  where m.contact_id = (select c.id from messaging.contacts c where c.account_id = p_account and c.phone = p_phone) and (p_before is null or m.id < p_before)
  order by m.id desc limit p_limit
$$;

create or replace function messaging.list_all_messages(p_account uuid, p_before uuid, p_limit integer) returns setof jsonb
language sql stable as $$
  select messaging.message_json(m, m.transmission_path)
  from messaging.message_history m
  where m.account_id = p_account and (p_before is null or m.id < p_before)
  order by m.id desc limit p_limit
$$;

-- The consent ledger of a phone, newest first.
create or replace function messaging.list_consents(p_account uuid, p_phone text) returns setof jsonb
language sql stable as $$
  select jsonb_build_object('consent_id', x.id, 'action', x.action, 'purpose', x.purpose, 'source', x.source,
    'exact_text', x.exact_text, 'message_id', x.message_id, 'at', x.at)
  from messaging.consents x
  where x.contact_id = (select c.id from messaging.contacts c where c.account_id = p_account and c.phone = p_phone) order by x.id desc
$$;
