-- Which rule of the gate, apart from the epoch, forbids this text to leave; null: none. Our confirmation of an opt-out or
-- of help is the one purpose that suppression lets pass.
create or replace function messaging.forbidden_by(p_account uuid, p_contact uuid, p_purpose text, p_reply_streak integer, p_body text) returns table (rule text)
language sql stable as $$
  select case
    when p_purpose <> 'confirmation' and (select c.suppressed && array['all', p_purpose] from messaging.contacts c where c.id = p_contact) then 'opted_out'
    when p_reply_streak > 20 then 'loop_breaker'
    else (select 'content:' || x.name from messaging.content_rules x
          where (x.account_id is null or x.account_id = p_account) and p_body ~* x.pattern limit 1)
  end
$$;

-- Published to routing: stores the answers of turns, one outbound message per part, all of a turn belonging to its newest
-- text. An answer whose webhook still waits is handed out to it here, if nothing forbids it: the caller holds the lock of
-- the session, which whoever stops a send takes too, so the epoch is the session's. What is not handed out here is left to
-- `take_reply` and the sender. Returns for each turn {waiters: [{waiter, message_id}], is_due}.
create or replace function messaging.store_answers(p_answers messaging.answer[], p_now timestamptz) returns table (turn_id uuid, stored jsonb)
language plpgsql as $$
begin
  return query
    with answer as (
      select a.*, a.message_ids[cardinality(a.message_ids)] as owner_id, a.reply_streak is null as is_fenced, uuidv7() as first_id from unnest(p_answers) a
    ), answered as (
      -- The row locks settle the race with a gateway that gives up waiting: one of us sees the other's word.
      update messaging.message_history m set
        status = case when a.is_fenced then m.status else 'answered' end,
        turn_id = a.turn_id,
        answer_id = case when m.id = a.owner_id and not a.is_fenced then a.first_id end,
        transmission_path = m.transmission_path || coalesce(a.hops, '[]')
      from (select a.*, x.id as message_id from answer a cross join lateral unnest(a.message_ids) x(id) order by x.id) a
      where m.id = a.message_id and m.id = any (array(select x from unnest(p_answers) b, unnest(b.message_ids) x))
      returning a.turn_id, m.id, m.waiter, m.id = a.owner_id as is_owner, m.number_id, m.channel, m.traceparent, greatest(p_now, m.offer_until) as due_at
    ), part as (
      select a.*, o.id as text_id, o.number_id, o.channel, o.traceparent, p.value ->> 'body' as body, (p.value ->> 'segments')::smallint as segments,
        p.value ->> 'encoding' as encoding, p.ordinality::smallint as part_no, jsonb_array_length(a.parts)::smallint as part_count,
        case when p.ordinality = 1 then a.first_id else uuidv7() end as id,
        -- Only the first part may become a TwiML; the others follow as soon as it has left.
        case when p.ordinality = 1 then o.due_at else p_now end as due_at,
        case when p.ordinality = 1 and o.waiter is not null and o.due_at > p_now and not a.is_fenced and f.rule is null
          and not exists (select from messaging.blockers(a.session_id, a.order_seq, 1::smallint)) then uuidv7() end as decision_id
      from answer a join answered o on o.turn_id = a.turn_id and o.is_owner
      cross join lateral jsonb_array_elements(a.parts) with ordinality p
      cross join lateral messaging.forbidden_by(a.account_id, a.contact_id, 'reply', a.reply_streak, p.value ->> 'body') f
    ), decided as (
      insert into messaging.send_decisions (id, account_id, message_id, verdict, rule, decided_at)
      select decision_id, account_id, id, 'allow', 'none', p_now from part where decision_id is not null
    ), written as (
      insert into messaging.message_history (id, account_id, session_id, contact_id, number_id, direction, channel, body, segments, encoding, status, turn_id,
        traceparent, created_at, purpose, in_reply_to, part, parts, decision_id, handed_via, transmission_path)
      select id, account_id, session_id, contact_id, number_id, 'outbound', channel, body, segments, encoding,
        case when is_fenced then 'fenced' when channel = 'api' then 'returned' when decision_id is not null then 'handed_out' else 'pending' end,
        part.turn_id, traceparent, p_now, 'reply', text_id, part_no, part_count, decision_id, case when decision_id is not null then 'twiml' end,
        case when decision_id is not null then jsonb_build_array(messaging.handed_out_hop('twiml', p_now)) else '[]' end
      from part
    ), queued as (
      insert into messaging.outbox (message_id, account_id, session_id, contact_id, in_reply_to, purpose, epoch, order_seq, part, reply_streak, due_at,
        state, handed_at, attempts)
      select id, account_id, session_id, contact_id, text_id, 'reply', epoch, order_seq, part_no, reply_streak, due_at,
        case when decision_id is not null then 'twiml' else 'ready' end, case when decision_id is not null then p_now end,
        case when decision_id is not null then 1 else 0 end
      from part where not is_fenced and channel <> 'api'
    ), usage as (
      select a.account_id, a.turn_id as source, 'agent_turn' as kind, 1::bigint as quantity from answer a where not is_fenced
      union all
      select p.account_id, p.id, 'outbound_segment', p.segments from part p where p.decision_id is not null
    ), billed as (
      select billing.append_usage(array_agg(u.account_id), array_agg(u.source), array_agg(u.kind), array_agg(u.quantity), p_now) from usage u
    )
    select o.turn_id, jsonb_build_object(
      'waiters', coalesce(jsonb_agg(jsonb_build_object('waiter', o.waiter, 'message_id', o.id)) filter (where o.waiter is not null), '[]'),
      'is_due', bool_or(o.is_owner and not a.is_fenced and o.channel <> 'api' and o.due_at <= p_now))
    from answered o join answer a on a.turn_id = o.turn_id, billed
    group by o.turn_id;
end $$;

create or replace function messaging.handed_out_hop(p_via text, p_now timestamptz) returns jsonb
language sql stable as $$ select jsonb_build_object('hop', 'handed_out', 'at', p_now, 'by', 'sms-gateway', 'via', p_via) $$;

-- Published to routing: what happened to these texts on their way. In id order, as the ends of turns lock them.
create or replace function messaging.add_hop(p_ids uuid[], p_hop jsonb) returns void
language sql as $$
  update messaging.message_history m set transmission_path = m.transmission_path || p_hop
  from (select x from unnest(p_ids) x order by x) i
  where m.id = i.x and m.id = any (p_ids)
$$;

-- The send gate, for everything that `store_answers` does not hand out by the same rules. Writes what it decided for each message and by which rule; the caller hands out what is
-- allowed in the same transaction. Whoever stops a send (opt-out, takeover, session end) commits before or after us, never
-- between: the locks taken here are the ones that those take.
create or replace function messaging.decide_send(p_outbox messaging.outbox[], p_now timestamptz) returns setof messaging.send_decisions
language plpgsql as $$
declare
  v_contacts uuid[];
  v_sessions uuid[];
  v_epochs jsonb := '{}';
begin
  select array_agg(o.contact_id) filter (where o.epoch is null), array_agg(o.session_id) filter (where o.epoch is not null)
  into v_contacts, v_sessions from unnest(p_outbox) o;
  -- A message that belongs to no session's order takes the contact's lock instead. Contacts come before sessions, as they
  -- do for an opt-out.
  if v_contacts is not null then
    perform messaging.hold_contacts(v_contacts);
  end if;
  if v_sessions is not null then
    v_epochs := routing.hold_epochs(v_sessions);
  end if;
  return query
    insert into messaging.send_decisions (account_id, message_id, verdict, rule, decided_at)
    select o.account_id, o.message_id, case when r.rule is null then 'allow' else 'refuse' end, coalesce(r.rule, 'none'), p_now
    from unnest(p_outbox) o
    cross join lateral (select body from messaging.message_history where id = o.message_id offset 0) m
    cross join lateral messaging.forbidden_by(o.account_id, o.contact_id, o.purpose, o.reply_streak, m.body) f
    cross join lateral (select case when (v_epochs -> (o.session_id::text))::integer <> o.epoch then 'epoch' else f.rule end as rule) r
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

-- Earlier answers of the session that have not left: these have to go first. An answer whose TwiML is written on its
-- socket has left; the next part of a long one goes when the part before it has a sid. No order (null): nothing blocks.
create or replace function messaging.blockers(p_session uuid, p_order_seq bigint, p_part smallint) returns setof uuid
language sql stable as $$
  select message_id from messaging.outbox
  where session_id = p_session and (order_seq, part) < (p_order_seq, p_part) and not (order_seq < p_order_seq and state = 'twiml' and is_written)
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
        transmission_path = m.transmission_path || jsonb_build_array(messaging.handed_out_hop(p_via, p_now))
      from unnest(p_decisions) d
      where m.id = d.message_id and d.verdict = 'allow' and m.id = any (array(select x.message_id from unnest(p_decisions) x))
      returning m.*
    ), billed as (
      select billing.append_usage(array_agg(account_id), array_agg(id), array_agg('outbound_segment'::text), array_agg(segments::bigint), p_now) from handed
    )
    select h.* from handed h, billed;
end $$;

-- What webhooks may answer for their texts: for each, in order, {state: undecided | blocked | empty | send, answer_id, body, alert}.
-- p_gives_up: the webhook waits no longer; an answer that comes later is due by REST at once.
-- A repeated SID gets what the first got, if the gate still lets it pass.
drop function if exists messaging.take_reply(uuid[], boolean[], timestamptz, uuid[]);
create or replace function messaging.take_reply(p_message_ids uuid[], p_gives_up boolean[], p_now timestamptz) returns setof jsonb
language plpgsql as $$
declare
  v_sends jsonb;
  v_outbox messaging.outbox[];
  v_open messaging.outbox[];
  v_decisions messaging.send_decisions[];
  v_alerts jsonb := '{}';
  v_is_repeated boolean;
begin
  -- Most were handed out to their webhooks when their turns ended: nothing is written, unless a fence came since or the
  -- offer has ended, after which they are looked up at the carrier.
  select coalesce(jsonb_object_agg(i.id, jsonb_build_object('state', 'send', 'answer_id', o.message_id, 'body', m.body)), '{}') into v_sends
  from unnest(p_message_ids) i(id)
  cross join lateral (select message_id, session_id, epoch from messaging.outbox where in_reply_to = i.id and part = 1
                      and state = 'twiml' and not is_written and due_at > p_now offset 0) o
  cross join lateral routing.epoch_of(o.session_id) s
  cross join lateral (select body from messaging.message_history where id = o.message_id offset 0) m
  where s.epoch = o.epoch;
  if v_sends ?& (p_message_ids::text[]) then
    return query select v_sends -> (id::text) from unnest(p_message_ids) id;
    return;
  end if;

  v_outbox := array(
    select o from messaging.outbox o
    where o.in_reply_to = any (p_message_ids) and o.part = 1 and not v_sends ? (o.in_reply_to::text) order by o.message_id for update);
  select coalesce(array_agg(o), '{}'), coalesce(bool_or(o.state = 'twiml'), false) into v_open, v_is_repeated from unnest(v_outbox) o
  where o.state = 'twiml' or (o.state = 'ready' and not exists (select from messaging.blockers(o.session_id, o.order_seq, o.part)));
  if v_open <> '{}' then
    v_decisions := array(select d from messaging.decide_send(v_open, p_now) d);
    -- Handed out now, or (a repeated SID) handed out before and still allowed.
    select v_sends || coalesce(jsonb_object_agg(m.in_reply_to, jsonb_build_object('state', 'send', 'answer_id', m.id, 'body', m.body)), '{}') into v_sends
    from messaging.hand_out(case when v_is_repeated
      then array(select d from unnest(v_decisions) d join unnest(v_open) o on o.message_id = d.message_id where o.state = 'ready')
      else v_decisions end, 'twiml', p_now) m;
    if v_is_repeated then
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
    -- Not p_now: the turn's end, which reads the row later, may have an earlier one.
    update messaging.message_history set offer_until = null where id = p_message_id and status = 'waiting';
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
