-- Published to routing: stores the answers of turns, one outbound message per part, all of a turn belonging to its newest
-- text. Returns for each turn {waiters: [{waiter, message_id}], is_due}.
create or replace function messaging.store_answers(p_answers messaging.answer[], p_now timestamptz) returns table (turn_id uuid, stored jsonb)
language plpgsql as $$
declare
  v_first uuid[] := array(select uuidv7() from generate_series(1, cardinality(p_answers)));
  v_texts jsonb;
begin
  -- The row locks settle the race with a gateway that gives up waiting: one of us sees the other's word.
  with answered as (
    update messaging.message_history m set
      status = case when a.reply_streak is null then m.status else 'answered' end,
      turn_id = a.turn_id,
      answer_id = case when m.id = a.message_ids[cardinality(a.message_ids)] and a.reply_streak is not null then v_first[a.n] end,
      transmission_path = m.transmission_path || coalesce(a.hops, '[]')
    from (select a.*, x.id as message_id
          from unnest(p_answers) with ordinality a(account_id, session_id, contact_id, turn_id, epoch, order_seq, message_ids, parts, hops, reply_streak, n)
          cross join lateral unnest(a.message_ids) x(id) order by x.id) a
    where m.id = a.message_id and m.id = any (array(select x from unnest(p_answers) b, unnest(b.message_ids) x))
    returning a.n, m.id, m.waiter, m.offer_until, m.number_id, m.channel, m.traceparent, m.id = a.message_ids[cardinality(a.message_ids)] as is_owner
  )
  select jsonb_object_agg(n, o) into v_texts from (
    select n, jsonb_build_object(
      'waiters', coalesce(jsonb_agg(jsonb_build_object('waiter', waiter, 'message_id', id)) filter (where waiter is not null), '[]'),
      'owner', (jsonb_agg(jsonb_build_object('id', id, 'number_id', number_id, 'channel', channel, 'traceparent', traceparent,
        'due_at', greatest(p_now, offer_until))) filter (where is_owner)) -> 0) as o
    from answered group by n) x;

  with part as (
    select a.*, p.value as part, p.ordinality::smallint as part_no, jsonb_array_length(a.parts)::smallint as part_count,
      case when p.ordinality = 1 then v_first[a.n] else uuidv7() end as id, v_texts -> (a.n::text) -> 'owner' as owner
    from unnest(p_answers) with ordinality a(account_id, session_id, contact_id, turn_id, epoch, order_seq, message_ids, parts, hops, reply_streak, n)
    cross join lateral jsonb_array_elements(a.parts) with ordinality p
  ), written as (
    insert into messaging.message_history (id, account_id, session_id, contact_id, number_id, direction, channel, body, segments, encoding, status, turn_id,
      traceparent, created_at, purpose, in_reply_to, part, parts)
    select id, account_id, session_id, contact_id, (owner ->> 'number_id')::uuid, 'outbound', owner ->> 'channel', part ->> 'body',
      (part ->> 'segments')::smallint, part ->> 'encoding',
      case when reply_streak is null then 'fenced' when owner ->> 'channel' = 'api' then 'returned' else 'pending' end,
      part.turn_id, owner ->> 'traceparent', p_now, 'reply', (owner ->> 'id')::uuid, part_no, part_count
    from part
  )
  insert into messaging.outbox (message_id, account_id, session_id, contact_id, in_reply_to, purpose, epoch, order_seq, part, reply_streak, due_at)
  -- Only the first part may become a TwiML; the others follow as soon as it has left.
  select id, account_id, session_id, contact_id, (owner ->> 'id')::uuid, 'reply', epoch, order_seq, part_no, reply_streak,
    case when part_no = 1 then (owner ->> 'due_at')::timestamptz else p_now end
  from part where reply_streak is not null and owner ->> 'channel' <> 'api';
  perform billing.append_usage(array_agg(a.account_id), array_agg(a.turn_id), 'agent_turn', array_agg(1::bigint), p_now)
  from unnest(p_answers) a where a.reply_streak is not null;

  return query
    select a.turn_id, jsonb_build_object('waiters', v_texts -> (a.n::text) -> 'waiters',
      'is_due', a.reply_streak is not null and v_texts -> (a.n::text) -> 'owner' ->> 'channel' <> 'api'
        and (v_texts -> (a.n::text) -> 'owner' ->> 'due_at')::timestamptz <= p_now)
    from unnest(p_answers) with ordinality a(account_id, session_id, contact_id, turn_id, epoch, order_seq, message_ids, parts, hops, reply_streak, n);
end $$;

-- The send gate: the only way out. Writes what it decided for each message and by which rule; the caller hands out what is
-- allowed in the same transaction. Whoever stops a send (opt-out, takeover, session end) commits before or after us, never
-- between: the locks taken here are the ones that those take.
create or replace function messaging.decide_send(p_outbox messaging.outbox[], p_now timestamptz) returns setof messaging.send_decisions
language plpgsql as $$
declare v_epochs jsonb;
begin
  -- A message that belongs to no session's order takes the contact's lock instead. Contacts come before sessions, as they
  -- do for an opt-out.
  perform messaging.hold_contacts(array(select o.contact_id from unnest(p_outbox) o where o.epoch is null));
  select coalesce(jsonb_object_agg(e.session_id, e.epoch), '{}') into v_epochs
  from routing.hold_epochs(array(select o.session_id from unnest(p_outbox) o where o.epoch is not null)) e;
  return query
    insert into messaging.send_decisions (account_id, message_id, verdict, rule, decided_at)
    select o.account_id, o.message_id, case when r.rule is null then 'allow' else 'refuse' end, coalesce(r.rule, 'none'), p_now
    from unnest(p_outbox) o
    cross join lateral (select body from messaging.message_history where id = o.message_id offset 0) m
    cross join lateral (select suppressed from messaging.contacts where id = o.contact_id offset 0) c
    cross join lateral (select case
      when (v_epochs -> (o.session_id::text))::integer <> o.epoch then 'epoch'
      -- Our confirmation of an opt-out or of help is the one purpose that suppression lets pass.
      when o.purpose <> 'confirmation' and c.suppressed && array['all', o.purpose] then 'opted_out'
      when o.reply_streak > 20 then 'loop_breaker'
      else (select 'content:' || x.name from messaging.content_rules x
            where (x.account_id is null or x.account_id = o.account_id) and m.body ~* x.pattern limit 1)
      end as rule) r
    returning *;
end $$;

-- A refused message stays in the history with the rule that decided, and leaves the outbox. Returns an alert or null.
create or replace function messaging.refuse(d messaging.send_decisions, p_now timestamptz) returns jsonb
language plpgsql as $$
begin
  update messaging.message_history set status = case d.rule when 'epoch' then 'fenced' else 'refused' end, decision_id = d.id,
    transmission_path = transmission_path || jsonb_build_array(jsonb_build_object('hop', 'refused', 'at', p_now, 'by', 'send-gate', 'rule', d.rule))
  where id = d.message_id;
  delete from messaging.outbox where message_id = d.message_id;
  if d.rule = 'loop_breaker' or d.rule like 'content:%' then
    return analytics.raise_alert(d.account_id, 'send_refused', 'warning', d.rule, jsonb_build_object('message_id', d.message_id), p_now);
  end if;
  return null;
end $$;

-- Earlier answers of the session that have not left: this one has to wait. An answer whose TwiML is written on its socket
-- has left; the next part of a long one goes when the part before it has a sid.
create or replace function messaging.is_blocked(o messaging.outbox) returns boolean
language sql stable as $$
  select o.order_seq is not null and exists (
    select from messaging.outbox e
    where e.session_id = o.session_id and (e.order_seq, e.part) < (o.order_seq, o.part)
      and not (e.order_seq < o.order_seq and e.state = 'twiml' and e.is_written))
$$;

-- Hands out what these decisions allow; returns the messages.
create or replace function messaging.hand_out(p_decisions messaging.send_decisions[], p_via text, p_now timestamptz) returns setof messaging.message_history
language plpgsql as $$
begin
  update messaging.outbox o set state = case p_via when 'twiml' then 'twiml' else 'sending' end, handed_at = p_now, checked_at = null,
    attempts = o.attempts + 1, is_written = false
  from unnest(p_decisions) d
  where o.message_id = d.message_id and d.verdict = 'allow' and o.message_id = any (array(select x.message_id from unnest(p_decisions) x));
  return query
    with handed as (
      update messaging.message_history m set status = 'handed_out', handed_via = p_via, decision_id = d.id,
        transmission_path = m.transmission_path || jsonb_build_array(jsonb_build_object('hop', 'handed_out', 'at', p_now, 'by', 'sms-gateway', 'via', p_via))
      from unnest(p_decisions) d
      where m.id = d.message_id and d.verdict = 'allow' and m.id = any (array(select x.message_id from unnest(p_decisions) x))
      returning m.*
    ), billed as (
      select billing.append_usage(array_agg(account_id), array_agg(id), 'outbound_segment', array_agg(segments::bigint), p_now) from handed
    )
    select h.* from handed h, billed;
end $$;

-- What webhooks may answer for their texts: for each, in order, {state: undecided | blocked | empty | send, answer_id, body, alert}.
-- p_gives_up: the webhook waits no longer; an answer that comes later is due by REST at once.
-- A repeated SID gets what the first got, if the gate still lets it pass.
create or replace function messaging.take_reply(p_message_ids uuid[], p_gives_up boolean[], p_now timestamptz, p_written uuid[] default '{}') returns setof jsonb
language plpgsql as $$
declare
  v_outbox messaging.outbox[];
  v_open messaging.outbox[];
  v_decisions messaging.send_decisions[];
  v_sends jsonb := '{}';
  v_alerts jsonb := '{}';
begin
  -- Answers that went out on their sockets meanwhile: what follows them in their sessions may go now.
  if p_written <> '{}' then
    update messaging.outbox set is_written = true where message_id = any (p_written) and state = 'twiml';
  end if;
  v_outbox := array(
    select o from messaging.outbox o where o.in_reply_to = any (p_message_ids) and o.part = 1 order by o.message_id for update);
  v_open := array(select o from unnest(v_outbox) o where o.state = 'twiml' or (o.state = 'ready' and not messaging.is_blocked(o)));
  if v_open <> '{}' then
    v_decisions := array(select d from messaging.decide_send(v_open, p_now) d);
    -- Handed out now, or (a repeated SID) handed out before and still allowed.
    select coalesce(jsonb_object_agg(m.in_reply_to, jsonb_build_object('state', 'send', 'answer_id', m.id, 'body', m.body)), '{}') into v_sends
    from messaging.hand_out(array(
      select d from unnest(v_decisions) d join unnest(v_open) o on o.message_id = d.message_id where o.state = 'ready'), 'twiml', p_now) m;
    if exists (select from unnest(v_open) o where o.state = 'twiml') then
      -- It is on its way once more: too young to be looked up, and what a look-up says of the first time is out of date.
      update messaging.outbox o set handed_at = greatest(o.handed_at, p_now), checked_at = null
      from unnest(v_decisions) d where o.message_id = d.message_id and o.state = 'twiml' and d.verdict = 'allow';
      v_sends := v_sends || (
        select coalesce(jsonb_object_agg(m.in_reply_to, jsonb_build_object('state', 'send', 'answer_id', m.id, 'body', m.body)), '{}')
        from unnest(v_decisions) d join unnest(v_open) o on o.message_id = d.message_id and o.state = 'twiml' and d.verdict = 'allow'
        cross join lateral (select * from messaging.message_history where id = d.message_id offset 0) m);
    end if;
    if exists (select from unnest(v_decisions) d where d.verdict <> 'allow') then
      -- A TwiML that went out before stays with the reconciler: the carrier may have it.
      select coalesce(jsonb_object_agg(x.in_reply_to, x.alert), '{}') into v_alerts from (
        select o.in_reply_to, messaging.refuse(d, p_now) as alert
        from unnest(v_decisions) d join unnest(v_open) o on o.message_id = d.message_id and o.state = 'ready' where d.verdict <> 'allow' order by d.rule) x;
    end if;
  end if;
  -- One after the other in id order, in which the ends of turns lock texts too.
  return query
    select x.taken from (
      select i.n, coalesce(v_sends -> (i.id::text),
        case when v_alerts ? (i.id::text) then jsonb_build_object('state', 'empty', 'alert', v_alerts -> (i.id::text)) end,
        case o.state when 'ready' then messaging.take_blocked(o, i.gives_up, p_now) when 'twiml' then '{"state": "empty"}' when 'sending' then '{"state": "empty"}' end,
        messaging.take_other(i.id, i.gives_up, p_now)) as taken
      from unnest(p_message_ids, p_gives_up) with ordinality i(id, gives_up, n)
      left join unnest(v_outbox) o on o.in_reply_to = i.id
      order by i.id) x
    order by x.n;
end $$;

-- An earlier answer of the session has to leave first.
create or replace function messaging.take_blocked(o messaging.outbox, p_gives_up boolean, p_now timestamptz) returns jsonb
language plpgsql as $$
begin
  if not p_gives_up then return '{"state": "blocked"}'; end if;
  update messaging.outbox set due_at = least(due_at, p_now) where message_id = o.message_id;
  return '{"state": "empty"}';
end $$;

-- A text whose answer is not in the outbox: not answered yet, answered under another SID, or settled already.
create or replace function messaging.take_other(p_message_id uuid, p_gives_up boolean, p_now timestamptz) returns jsonb
language plpgsql as $$
declare
  i messaging.message_history;
  m messaging.message_history;
  o messaging.outbox;
begin
  select * into i from messaging.message_history where id = p_message_id;
  if i.status = 'waiting' then
    if not p_gives_up then return '{"state": "undecided"}'; end if;
    update messaging.message_history set offer_until = p_now where id = p_message_id and status = 'waiting';
    -- Else it was answered while we waited for the row, and its answer is in the outbox now.
    return case when found then '{"state": "empty"}' else '{"state": "undecided"}' end;
  end if;
  if i.answer_id is null then return '{"state": "empty"}'; end if;
  select * into m from messaging.message_history where id = i.answer_id;
  -- Stored since this call looked into the outbox: the next look finds it there.
  if m.status = 'pending' then return '{"state": "undecided"}'; end if;
  -- Only the TwiML that this SID got may be repeated, and only if it may still be sent.
  if m.handed_via is distinct from 'twiml' then return '{"state": "empty"}'; end if;
  o.message_id := m.id; o.account_id := m.account_id; o.session_id := m.session_id; o.contact_id := m.contact_id; o.purpose := m.purpose;
  o.reply_streak := 0;
  o.epoch := routing.turn_epoch(m.turn_id);
  if exists (select from messaging.decide_send(array[o], p_now) d where d.verdict = 'allow') then
    return jsonb_build_object('state', 'send', 'answer_id', m.id, 'body', m.body);
  end if;
  return '{"state": "empty"}';
end $$;

-- The TwiML of these answers went out on their sockets.
create or replace function messaging.mark_written(p_ids uuid[]) returns void
language plpgsql as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  update messaging.outbox set is_written = true where message_id = any (p_ids) and state = 'twiml';
end $$;
