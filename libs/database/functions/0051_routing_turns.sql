-- Takes the right to run the session's next turn, if there is one to run now. p_lease: how long without a heartbeat.
-- Returns {outcome, …}: claimed (with everything a turn needs) | running | later (at) | nothing | no_agent | closed. Its
-- alert, if there is one, is for the caller to raise.
create or replace function routing.claim_turn(p_session uuid, p_now timestamptz, p_lease interval) returns jsonb
language plpgsql as $$
declare
  s routing.agent_sessions;
  t routing.turns;
  v_texts jsonb;
  v_superseded uuid;
  a registry.agent_routing;
  v_is_new boolean;
  v_verdict text;
begin
  select * into s from routing.agent_sessions where id = p_session for no key update;
  if not found or s.ended_at is not null or s.last_seq = s.done_seq then
    delete from routing.due_sessions where session_id = p_session;
    return jsonb_build_object('outcome', 'nothing', 'session_id', p_session);
  end if;

  if s.turn_id is not null then
    select * into t from routing.turns where id = s.turn_id;
  end if;
  a := registry.routing_of(s.agent_id);

  if s.lease_until > p_now then
    -- A fenced turn still runs out; nothing joins it. Otherwise `merge` replaces a young turn by one with all texts.
    if t.epoch <> s.epoch or t.to_seq = s.last_seq or p_now >= t.started_at + interval '2 seconds'
       or a.double_text is distinct from 'merge' then
      return jsonb_build_object('outcome', 'running', 'session_id', s.id);
    end if;
    update routing.turns set status = 'superseded', ended_at = p_now where id = t.id;
    v_superseded := t.id;
  elsif s.run_after > p_now then
    return jsonb_build_object('outcome', 'later', 'session_id', s.id, 'at', s.run_after);
  end if;

  -- A lease that ran out on a fenced turn: nobody will complete it.
  if t.id is not null and v_superseded is null and t.epoch <> s.epoch then
    update routing.turns set status = 'fenced', ended_at = p_now where id = t.id and status = 'running';
    t := null;
  end if;

  if a.is_routable is not true then
    s.agent_id := registry.pick_agent(s.account_id, s.bound_agent_id, s.agent_id);
    a := registry.routing_of(s.agent_id);
  end if;

  v_is_new := t.id is null or v_superseded is not null;
  if v_is_new then
    v_texts := messaging.leading_texts(s.waiting, case when a.double_text = 'enqueue' then 1 else 50 end);
    t.started_at := coalesce(t.started_at, p_now);
    t.id := uuidv7();
    t.epoch := s.epoch;
    t.from_seq := s.done_seq + 1;
    t.to_seq := s.done_seq + jsonb_array_length(v_texts);
    t.message_ids := s.waiting[1 : jsonb_array_length(v_texts)];
    t.attempts := 0;
    t.deadline := (v_texts -> 0 ->> 'at')::timestamptz + interval '30 seconds';
  else
    v_texts := messaging.leading_texts(t.message_ids, cardinality(t.message_ids));
  end if;
  v_verdict := case when p_now >= t.deadline then 'turn_deadline' when t.attempts >= 3 then 'turn_attempts' when s.agent_id is null then 'no_agent' end;
  if v_verdict is null then
    t.attempts := t.attempts + 1;
    s.lease_token := gen_random_uuid();
    s.lease_until := p_now + p_lease;
    s.run_after := '-infinity';
  else
    s.lease_token := null;
    s.lease_until := null;
    s.run_after := least(p_now + interval '1 second', t.deadline);
  end if;
  if v_is_new then
    insert into routing.turns (id, account_id, session_id, agent_id, epoch, from_seq, to_seq, message_ids, attempts, started_at, deadline)
    values (t.id, s.account_id, s.id, s.agent_id, t.epoch, t.from_seq, t.to_seq, t.message_ids, t.attempts, t.started_at, t.deadline);
  else
    update routing.turns set attempts = t.attempts, agent_id = s.agent_id where id = t.id;
  end if;
  update routing.agent_sessions set turn_id = t.id, agent_id = s.agent_id, quiet_until = null,
    lease_token = s.lease_token, lease_until = s.lease_until, run_after = s.run_after where id = s.id;
  if v_verdict = 'no_agent' then
    return jsonb_build_object('outcome', 'no_agent', 'session_id', s.id, 'at', s.run_after, 'alert',
      jsonb_build_object('account_id', s.account_id, 'kind', 'no_agent', 'severity', 'critical', 'subject', s.account_id, 'details', '{}'::jsonb));
  elsif v_verdict is not null then
    return routing.close_turn(s.id, t.id, v_verdict, p_now);
  end if;

  return jsonb_build_object(
    'outcome', 'claimed', 'session_id', s.id, 'turn_id', t.id, 'lease_token', s.lease_token, 'agent_id', s.agent_id, 'account_id', s.account_id,
    'attempt', t.attempts, 'is_first', t.from_seq = 1, 'deadline', t.deadline, 'superseded', v_superseded, 'handle', s.handle, 'channel', s.channel,
    'contact_id', s.contact_id, 'phone', case when a.has_phone_grant then messaging.phone_of(s.contact_id) end, 'state', s.state, 'since', s.started_at,
    'texts', v_texts);
end $$;

-- Claims several at once, with what their agents are told of the past: one round trip and one commit. Rows are locked in
-- id order, so two batches cannot deadlock. The commit need not wait for the disk: a claim that a crash takes back is
-- claimed again.
create or replace function routing.claim_turns(p_sessions uuid[], p_now timestamptz, p_lease interval) returns setof jsonb
language plpgsql as $$
declare
  v_session uuid;
  v_claims jsonb[] := '{}';
  r record;
begin
  perform set_config('synchronous_commit', 'off', true);
  -- A turn that is closed locks texts: no session may be waited for after that.
  if cardinality(p_sessions) > 1 then
    perform from routing.agent_sessions where id = any (p_sessions) order by id for no key update;
  end if;
  for v_session in select distinct x from unnest(p_sessions) x order by x loop
    v_claims := v_claims || routing.claim_turn(v_session, p_now, p_lease);
  end loop;
  for r in select c, i from unnest(v_claims) with ordinality x(c, i) where c ? 'alert' order by c #>> '{alert,kind}', c #>> '{alert,subject}' loop
    v_claims[r.i] := routing.with_alert(r.c, p_now);
  end loop;
  return query
    select case when c ->> 'outcome' = 'claimed'
      then c || jsonb_build_object('history', case when (c ->> 'is_first')::boolean then '[]'
        else messaging.history((c ->> 'contact_id')::uuid, (c ->> 'session_id')::uuid, (c ->> 'since')::timestamptz) end)
      else c end
    from unnest(v_claims) c;
end $$;

-- Sessions that a sweeper should claim: a text waits, no live lease, not too early, and the doorbell had its chance.
create or replace function routing.sweep(p_now timestamptz, p_limit integer, p_patience interval default interval '1 second') returns setof uuid
language sql as $$
  select s.id from routing.due_sessions d
  cross join lateral (select * from routing.agent_sessions where id = d.session_id offset 0) s
  where d.since <= p_now - p_patience and (s.lease_until is null or s.lease_until <= p_now) and s.run_after <= p_now
  order by d.since limit p_limit
$$;

-- Heartbeat of all turns that one adapter runs. Returns the tokens that are still good: the others' calls can stop.
create or replace function routing.extend_leases(p_sessions uuid[], p_tokens uuid[], p_now timestamptz, p_lease interval) returns setof uuid
language plpgsql as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  return query
    with mine as (
      select s.id from routing.agent_sessions s join unnest(p_sessions, p_tokens) x(session_id, token)
        on s.id = any (p_sessions) and s.id = x.session_id and s.lease_token = x.token
      order by s.id for no key update of s
    )
    update routing.agent_sessions s set lease_until = p_now + p_lease from mine where s.id = mine.id returning s.lease_token;
end $$;

-- Frees a locked session after a turn's end. Texts that came meanwhile start a quiet window (coalesce, merge) or run at
-- once (enqueue). Returns the session as it is then.
create or replace function routing.finish_turn(s routing.agent_sessions, p_to_seq bigint, p_state jsonb, p_now timestamptz) returns routing.agent_sessions
language plpgsql as $$
declare
  v_has_more boolean := s.last_seq > p_to_seq;
  v_quiet_until timestamptz;
  v_run_after timestamptz := '-infinity';
begin
  if v_has_more and (registry.routing_of(s.agent_id)).double_text is distinct from 'enqueue' then
    v_quiet_until := p_now + interval '2 seconds';
    v_run_after := greatest(p_now, least(s.last_text_at + interval '400 milliseconds', v_quiet_until));
  end if;
  update routing.agent_sessions set
    done_seq = p_to_seq,
    waiting = waiting[p_to_seq - s.done_seq + 1 :],
    state = coalesce(p_state, state),
    turn_id = null, lease_token = null, lease_until = null,
    run_after = v_run_after, quiet_until = v_quiet_until,
    reply_streak = case when last_reply_at >= p_now - interval '30 seconds' then reply_streak + 1 else 1 end,
    last_reply_at = p_now
  where id = s.id returning * into s;
  if v_has_more then
    update routing.due_sessions set since = p_now where session_id = s.id;
  else
    delete from routing.due_sessions where session_id = s.id;
  end if;
  return s;
end $$;

-- When the session's next turn may start; null: nothing waits.
create or replace function routing.more_at(s routing.agent_sessions, p_now timestamptz) returns timestamptz
language sql immutable as $$ select case when s.last_seq > s.done_seq then greatest(s.run_after, p_now) end $$;

-- Stores the answers of turns whose leases the caller still holds, and frees their sessions.
-- p_items: [{session_id, turn_id, lease_token, parts: [{body, segments, encoding}], state?, hops: [...]}].
-- Returns for each {outcome: answered | fenced | void, turn_id, session_id, waiters, is_due, more_at}.
-- The commit need not wait for the disk: whatever acts on an answer (take_replies, the sender's claim) commits durably
-- after it, and the log is flushed in order.
create or replace function routing.complete_turns(p_items jsonb, p_now timestamptz) returns setof jsonb
language plpgsql as $$
declare
  v_item jsonb;
  s routing.agent_sessions;
  t routing.turns;
  v_ends jsonb := '{}';
  v_answers messaging.answer[] := '{}';
begin
  perform set_config('synchronous_commit', 'off', true);
  for v_item in select x from jsonb_array_elements(p_items) x order by (x ->> 'session_id')::uuid loop
    select * into s from routing.agent_sessions
    where id = (v_item ->> 'session_id')::uuid and lease_token = (v_item ->> 'lease_token')::uuid and turn_id = (v_item ->> 'turn_id')::uuid
    for no key update;
    if not found then
      return next jsonb_build_object('outcome', 'void', 'turn_id', v_item -> 'turn_id', 'session_id', v_item -> 'session_id');
      continue;
    end if;
    update routing.turns set status = case when epoch = s.epoch then 'answered' else 'fenced' end, ended_at = p_now, draft = null
    where id = s.turn_id returning * into t;
    if t.status = 'fenced' then
      update routing.agent_sessions set turn_id = null, lease_token = null, lease_until = null where id = s.id;
    else
      s := routing.finish_turn(s, t.to_seq, nullif(v_item -> 'state', 'null'), p_now);
    end if;
    v_answers := v_answers || (s.account_id, s.id, s.contact_id, t.id, t.epoch, t.to_seq, t.message_ids, v_item -> 'parts', v_item -> 'hops',
      case when t.status = 'answered' then s.reply_streak end)::messaging.answer;
    v_ends := v_ends || jsonb_build_object(t.id, jsonb_build_object('outcome', t.status, 'turn_id', t.id, 'session_id', s.id, 'more_at', routing.more_at(s, p_now)));
  end loop;
  if v_answers = '{}' then return; end if;
  return query select (v_ends -> (x.turn_id::text)) || x.stored from messaging.store_answers(v_answers, p_now) x;
end $$;

-- An attempt failed: frees the lease, and either sets the time of the next attempt or closes the turn with an apology.
-- p_pause null: this failure is final (the agent answered nonsense), no other attempt.
-- p_counts false: the agent was not asked (open breaker), so the attempt does not count.
create or replace function routing.fail_attempt(p_session uuid, p_turn_id uuid, p_token uuid, p_failure jsonb, p_pause interval, p_counts boolean, p_now timestamptz) returns jsonb
language plpgsql as $$
declare
  s routing.agent_sessions;
  t routing.turns;
begin
  select * into s from routing.agent_sessions where id = p_session and lease_token = p_token and turn_id = p_turn_id for no key update;
  if not found then return jsonb_build_object('outcome', 'void', 'turn_id', p_turn_id, 'session_id', p_session); end if;
  update routing.turns set failure = p_failure, attempts = attempts - case when p_counts then 0 else 1 end where id = p_turn_id returning * into t;
  if t.epoch <> s.epoch then
    update routing.turns set status = 'fenced', ended_at = p_now where id = t.id;
    update routing.agent_sessions set turn_id = null, lease_token = null, lease_until = null where id = s.id;
    return jsonb_build_object('outcome', 'fenced', 'turn_id', t.id, 'session_id', s.id, 'more_at', case when s.last_seq > s.done_seq then p_now end);
  end if;
  if p_pause is null or t.attempts >= 3 or p_now >= t.deadline then
    return routing.with_alert(routing.close_turn(s.id, t.id, coalesce(p_failure ->> 'code', 'turn_failed'), p_now), p_now);
  end if;
  update routing.agent_sessions set lease_token = null, lease_until = null, run_after = least(p_now + p_pause, t.deadline) where id = s.id;
  return jsonb_build_object('outcome', 'retry', 'turn_id', t.id, 'session_id', s.id, 'more_at', least(p_now + p_pause, t.deadline));
end $$;

-- Closes a turn without an agent's answer: the account's apology goes out instead, an alert is described, the session goes on.
create or replace function routing.close_turn(p_session uuid, p_turn_id uuid, p_reason text, p_now timestamptz) returns jsonb
language plpgsql as $$
declare
  s routing.agent_sessions;
  t routing.turns;
  v_apology jsonb;
begin
  update routing.turns set status = 'apologised', ended_at = p_now, draft = null,
    failure = coalesce(failure, '{}') || jsonb_build_object('closed_by', p_reason) where id = p_turn_id returning * into t;
  select * into s from routing.agent_sessions where id = p_session;
  s := routing.finish_turn(s, t.to_seq, null, p_now);
  select stored into v_apology from messaging.store_answers(array[(s.account_id, s.id, s.contact_id, t.id, t.epoch, t.to_seq, t.message_ids,
    jsonb_build_array(jsonb_build_object('body', security.account_text(s.account_id, 'apology'), 'segments', 1, 'encoding', 'GSM-7')),
    jsonb_build_array(jsonb_build_object('hop', 'apologised', 'at', p_now, 'by', 'mcp-adapter', 'reason', p_reason)), s.reply_streak)::messaging.answer], p_now);
  return v_apology || jsonb_build_object('outcome', 'closed', 'turn_id', t.id, 'session_id', s.id, 'reason', p_reason, 'more_at', routing.more_at(s, p_now),
      'alert', jsonb_build_object('account_id', s.account_id, 'kind', 'turn_apologised', 'severity', 'warning', 'subject', coalesce(t.agent_id::text, 'no agent'),
        'details', jsonb_build_object('turn_id', t.id, 'reason', p_reason, 'failure', t.failure)));
end $$;

-- Raises the alert that a claim or a turn's end describes. The last thing that a transaction does: many wait for the same
-- alert's row, and whoever has it may wait for nothing else.
create or replace function routing.with_alert(p_end jsonb, p_now timestamptz) returns jsonb
language sql as $$
  select p_end || jsonb_build_object('alert', analytics.raise_alert((p_end #>> '{alert,account_id}')::uuid, p_end #>> '{alert,kind}',
    p_end #>> '{alert,severity}', p_end #>> '{alert,subject}', p_end #> '{alert,details}', p_now))
$$;

-- Published to built-in agents: what a running turn asks; null when it is no longer running.
create or replace function routing.turn_context(p_turn_id uuid) returns jsonb
language sql stable as $$
  select jsonb_build_object('turn_id', t.id, 'session_id', s.id,
    'message', messaging.joined_text(t.message_ids), 'message_ids', to_jsonb(t.message_ids),
    'history', messaging.history(s.contact_id, s.id, s.started_at),
    'session_state', s.state, 'first_contact', t.from_seq = 1)
  from routing.turns t cross join lateral (select * from routing.agent_sessions where id = t.session_id offset 0) s
  where t.id = p_turn_id and t.status = 'running' and s.turn_id = t.id
$$;

-- Published to built-in agents: stores the answer of a running turn; the adapter completes the turn with it.
create or replace function routing.store_draft(p_turn_id uuid, p_reply text, p_session_state jsonb, p_metadata jsonb) returns boolean
language plpgsql as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  update routing.turns set draft = jsonb_build_object('message', p_reply, 'session_state', p_session_state, 'metadata', p_metadata)
  where id = p_turn_id and status = 'running';
  return found;
end $$;

create or replace function routing.read_draft(p_turn_id uuid) returns jsonb
language sql stable as $$ select draft from routing.turns where id = p_turn_id $$;

-- The answer to a text that came by POST /mcp/chat, with what became of its turn; null while it is undecided.
create or replace function routing.chat_result(p_message_id uuid) returns jsonb
language sql stable as $$
  select a.answer || jsonb_build_object('turn_status', t.status, 'state', s.state)
  from (select messaging.chat_answer(p_message_id) as answer) a
  left join routing.turns t on t.id = (a.answer ->> 'turn_id')::uuid
  left join routing.agent_sessions s on s.id = t.session_id
  where a.answer is not null
$$;
