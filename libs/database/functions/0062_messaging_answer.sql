-- Published to routing: stores a turn's answer, one outbound message per part, all belonging to the newest text.
-- p_answer: {parts: [{body, segments, encoding}], hops: [...]}. p_streak null: the answer is fenced and never leaves.
-- Returns {waiters: [{waiter, message_id}], is_due}.
create or replace function messaging.store_answer(
  p_account uuid, p_session uuid, p_contact uuid, p_turn uuid, p_epoch integer, p_order_seq bigint, p_message_ids uuid[],
  p_answer jsonb, p_streak integer, p_now timestamptz
) returns jsonb
language plpgsql as $$
declare
  v_owner uuid := p_message_ids[cardinality(p_message_ids)];
  v_first uuid := uuidv7();
  v_id uuid;
  v_part jsonb;
  v_n integer := 0;
  v_count integer := jsonb_array_length(p_answer -> 'parts');
  v_waiters jsonb := '[]';
  v_due timestamptz;
  m record;
begin
  foreach v_id in array p_message_ids loop
    -- The row lock settles the race with a gateway that gives up waiting: one of us sees the other's word.
    update messaging.message_history set
      status = case when p_streak is null then status else 'answered' end,
      turn_id = p_turn,
      answer_id = case when id = v_owner and p_streak is not null then v_first end,
      transmission_path = transmission_path || coalesce(p_answer -> 'hops', '[]')
    where id = v_id
    returning waiter, offer_until, number_id, channel, traceparent into m;
    if m.waiter is not null then
      v_waiters := v_waiters || jsonb_build_object('waiter', m.waiter, 'message_id', v_id);
    end if;
  end loop;
  v_due := greatest(p_now, m.offer_until);

  for v_part in select x from jsonb_array_elements(p_answer -> 'parts') x loop
    v_n := v_n + 1;
    v_id := case when v_n = 1 then v_first else uuidv7() end;
    insert into messaging.message_history (id, account_id, session_id, contact_id, number_id, direction, channel, body, segments, encoding, status, turn_id,
      transmission_path, traceparent, created_at, purpose, in_reply_to, part, parts)
    values (v_id, p_account, p_session, p_contact, m.number_id, 'outbound', m.channel, v_part ->> 'body', (v_part ->> 'segments')::smallint, v_part ->> 'encoding',
      case when p_streak is null then 'fenced' when m.channel = 'api' then 'returned' else 'pending' end, p_turn,
      '[]', m.traceparent, p_now, 'reply', v_owner, v_n, v_count);
    if p_streak is not null and m.channel <> 'api' then
      insert into messaging.outbox (message_id, account_id, session_id, contact_id, in_reply_to, purpose, epoch, order_seq, part, reply_streak, due_at)
      values (v_id, p_account, p_session, p_contact, v_owner, 'reply', p_epoch, p_order_seq, v_n, p_streak, v_due);
    end if;
  end loop;
  return jsonb_build_object('waiters', v_waiters, 'is_due', p_streak is not null and m.channel <> 'api' and v_due <= p_now);
end $$;

-- The send gate: the only way out. Writes what it decided and by which rule; the caller hands the message out, or not,
-- in the same transaction. Whoever stops a send (opt-out, takeover, session end) commits before or after us, never between.
create or replace function messaging.decide_send(o messaging.outbox, p_body text, p_now timestamptz) returns messaging.send_decisions
language plpgsql as $$
declare
  d messaging.send_decisions;
  v_rule text;
begin
  if o.epoch is null then
    -- A message without a session's lock takes the contact's.
    perform from messaging.contacts where id = o.contact_id for share;
  elsif routing.hold_epoch(o.session_id) <> o.epoch then
    v_rule := 'epoch';
  end if;
  if v_rule is null then
    select case
      -- Our confirmation of an opt-out or of help is the one purpose that suppression lets pass.
      when o.purpose <> 'confirmation' and c.suppressed && array['all', o.purpose] then 'opted_out'
      when o.reply_streak > 20 then 'loop_breaker'
      else (select 'content:' || r.name from messaging.content_rules r
            where (r.account_id is null or r.account_id = o.account_id) and p_body ~* r.pattern limit 1)
      end
    into v_rule from messaging.contacts c where c.id = o.contact_id;
  end if;
  insert into messaging.send_decisions (account_id, message_id, verdict, rule, decided_at)
  values (o.account_id, o.message_id, case when v_rule is null then 'allow' else 'refuse' end, coalesce(v_rule, 'none'), p_now)
  returning * into d;
  return d;
end $$;

-- A refused message stays in the history with the rule that decided, and leaves the outbox. Returns an alert or null.
create or replace function messaging.refuse(o messaging.outbox, d messaging.send_decisions, p_now timestamptz) returns jsonb
language plpgsql as $$
begin
  update messaging.message_history set status = case d.rule when 'epoch' then 'fenced' else 'refused' end, decision_id = d.id,
    transmission_path = transmission_path || jsonb_build_array(jsonb_build_object('hop', 'refused', 'at', p_now, 'by', 'send-gate', 'rule', d.rule))
  where id = o.message_id;
  delete from messaging.outbox where message_id = o.message_id;
  if d.rule = 'loop_breaker' or d.rule like 'content:%' then
    return analytics.raise_alert(o.account_id, 'send_refused', 'warning', d.rule, jsonb_build_object('message_id', o.message_id), p_now);
  end if;
  return null;
end $$;

-- Earlier answers of the session that have not left: this one has to wait. A TwiML that is written on its socket has left.
create or replace function messaging.is_blocked(o messaging.outbox) returns boolean
language sql stable as $$
  select o.order_seq is not null and exists (
    select from messaging.outbox e
    where e.session_id = o.session_id and (e.order_seq, e.part) < (o.order_seq, o.part) and not (e.state = 'twiml' and e.is_written))
$$;

create or replace function messaging.hand_out(o messaging.outbox, d messaging.send_decisions, p_via text, p_now timestamptz) returns messaging.message_history
language plpgsql as $$
declare m messaging.message_history;
begin
  update messaging.outbox set state = case p_via when 'twiml' then 'twiml' else 'sending' end, handed_at = p_now, checked_at = null,
    attempts = attempts + 1, is_written = false where message_id = o.message_id;
  update messaging.message_history set status = 'handed_out', handed_via = p_via, decision_id = d.id,
    transmission_path = transmission_path || jsonb_build_array(jsonb_build_object('hop', 'handed_out', 'at', p_now, 'by', 'sms-gateway', 'via', p_via))
  where id = o.message_id returning * into m;
  perform billing.append_usage(m.account_id, m.id, 'outbound_segment', m.segments, p_now);
  return m;
end $$;

-- What a webhook may answer for its text: {state: undecided | blocked | empty | send, answer_id, body, alert}.
-- p_give_up: the webhook waits no longer; an answer that comes later is due by REST at once.
-- A repeated SID gets what the first got, if the gate still lets it pass.
create or replace function messaging.take_reply(p_message_id uuid, p_give_up boolean, p_now timestamptz) returns jsonb
language plpgsql as $$
declare
  i messaging.message_history;
  m messaging.message_history;
  o messaging.outbox;
  d messaging.send_decisions;
begin
  select * into o from messaging.outbox where in_reply_to = p_message_id and part = 1 for update;
  if not found then
    -- Not answered yet, or settled already.
    select * into i from messaging.message_history where id = p_message_id;
    if i.status = 'waiting' then
      if not p_give_up then return jsonb_build_object('state', 'undecided'); end if;
      update messaging.message_history set offer_until = p_now where id = p_message_id and status = 'waiting';
      if found then return jsonb_build_object('state', 'empty'); end if;
      -- Answered while we waited for the row: look again.
      return messaging.take_reply(p_message_id, p_give_up, p_now);
    end if;
    if i.answer_id is null then return jsonb_build_object('state', 'empty'); end if;
    -- Settled. Only the TwiML that this SID got may be repeated, and only if it may still be sent.
    select * into m from messaging.message_history where id = i.answer_id;
    if m.handed_via is distinct from 'twiml' then return jsonb_build_object('state', 'empty'); end if;
    o.message_id := m.id; o.account_id := m.account_id; o.session_id := m.session_id; o.contact_id := m.contact_id; o.purpose := m.purpose;
    o.reply_streak := 0;
    o.epoch := routing.turn_epoch(m.turn_id);
    d := messaging.decide_send(o, m.body, p_now);
    return case when d.verdict = 'allow' then jsonb_build_object('state', 'send', 'answer_id', m.id, 'body', m.body) else jsonb_build_object('state', 'empty') end;
  end if;
  if o.state = 'sending' then return jsonb_build_object('state', 'empty'); end if;
  if o.state = 'ready' and messaging.is_blocked(o) then
    if p_give_up then
      update messaging.outbox set due_at = least(due_at, p_now) where message_id = o.message_id;
      return jsonb_build_object('state', 'empty');
    end if;
    return jsonb_build_object('state', 'blocked');
  end if;

  select * into m from messaging.message_history where id = o.message_id;
  d := messaging.decide_send(o, m.body, p_now);
  if d.verdict <> 'allow' then
    -- A TwiML that went out before stays with the reconciler: the carrier may have it.
    return jsonb_build_object('state', 'empty', 'alert', case when o.state = 'ready' then messaging.refuse(o, d, p_now) end);
  end if;
  if o.state = 'ready' then m := messaging.hand_out(o, d, 'twiml', p_now); end if;
  return jsonb_build_object('state', 'send', 'answer_id', m.id, 'body', m.body);
end $$;

-- Several at once: sessions are locked first, in id order; the answers come back in the order asked.
create or replace function messaging.take_replies(p_ids uuid[], p_give_up boolean[], p_now timestamptz) returns setof jsonb
language plpgsql as $$
declare v_item record;
begin
  if cardinality(p_ids) > 1 then
    perform routing.hold_epochs(array(select m.session_id from unnest(p_ids) x join messaging.message_history m on m.id = x where m.session_id is not null));
  end if;
  for v_item in select x.id, x.gives_up from unnest(p_ids, p_give_up) x(id, gives_up) loop
    return next messaging.take_reply(v_item.id, v_item.gives_up, p_now);
  end loop;
end $$;

-- The TwiML of these answers went out on their sockets.
create or replace function messaging.mark_written(p_ids uuid[]) returns void
language plpgsql as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  update messaging.outbox set is_written = true where message_id = any (p_ids) and state = 'twiml';
end $$;
