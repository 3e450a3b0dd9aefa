-- Published: live sessions of an agent, counted, not kept.
create or replace function routing.live_sessions(p_agent uuid) returns bigint
language sql stable as $$ select count(*) from routing.agent_sessions where agent_id = p_agent and ended_at is null $$;

-- Published: takes a text into the session of (number, contact, channel), opening one if none is live, and numbers it.
-- Returns {session_id, seq, epoch, ring, held}. ring: somebody should look now. held: a person owns the session; the
-- text is stored and not run.
create or replace function routing.receive_text(
  p_account uuid, p_number uuid, p_contact uuid, p_channel text, p_bound_agent uuid, p_handle text, p_message uuid, p_now timestamptz
) returns jsonb
language plpgsql as $$
declare
  v_id uuid;
  s routing.agent_sessions;
begin
  for i in 1 .. 3 loop
    select id into v_id from routing.agent_sessions
    where contact_id = p_contact and number_id = p_number and channel = p_channel and ended_at is null;
    if v_id is null then
      insert into routing.agent_sessions (account_id, number_id, contact_id, channel, handle, agent_id, bound_agent_id, last_text_at, started_at)
      values (p_account, p_number, p_contact, p_channel, p_handle, registry.pick_agent(p_account, p_bound_agent), p_bound_agent, p_now, p_now)
      on conflict (contact_id, number_id, channel) where ended_at is null do nothing
      returning id into v_id;
      continue when v_id is null;
    end if;
    s := routing.add_text(v_id, p_message, p_now);
    if s.id is not null then
      return jsonb_build_object('session_id', s.id, 'seq', s.last_seq, 'epoch', s.epoch, 'held', false, 'ring', routing.wants_ring(s, p_now));
    end if;
    -- Not taken: a person owns it, or it is a day old, or it has just ended.
    select * into s from routing.agent_sessions where id = v_id for no key update;
    if s.ended_at is null and s.owner = 'person' then
      update routing.agent_sessions set last_text_at = p_now where id = v_id;
      return jsonb_build_object('session_id', v_id, 'epoch', s.epoch, 'ring', false, 'held', true);
    end if;
    if s.ended_at is null then perform routing.end_session(v_id, p_now); end if;
  end loop;
  raise exception 'no session could be opened for number %', p_number;
end $$;

-- Appends a text to a mailbox; null when the session does not take it. The row is as it is after: in its quiet window
-- (after a busy turn) each text moves the start, the window's end does not move.
create or replace function routing.add_text(p_session uuid, p_message uuid, p_now timestamptz) returns routing.agent_sessions
language plpgsql as $$
declare s routing.agent_sessions;
begin
  update routing.agent_sessions set
    last_seq = last_seq + 1,
    waiting = waiting || p_message,
    last_text_at = p_now,
    run_after = case when turn_id is null and quiet_until > p_now then least(p_now + interval '400 milliseconds', quiet_until) else run_after end
  where id = p_session and ended_at is null and owner = 'agent'
    and (last_text_at >= p_now - interval '24 hours' or last_seq > done_seq)
  returning * into s;
  if not found then return null; end if;
  if s.last_seq = s.done_seq + 1 then
    insert into routing.due_sessions (session_id, since) values (p_session, p_now) on conflict (session_id) do update set since = p_now;
  end if;
  return s;
end $$;

-- After a text: should somebody look at once? Not while a turn runs (its end looks), unless texts merge into it; not in
-- a quiet window or a pause before a retry (an alarm is set for them).
create or replace function routing.wants_ring(s routing.agent_sessions, p_now timestamptz) returns boolean
language plpgsql stable as $$
begin
  if s.lease_until > p_now then return (registry.routing_of(s.agent_id)).double_text = 'merge'; end if;
  return s.run_after <= p_now;
end $$;

-- Published: locks the live sessions of these contacts in id order, so that a batch of texts cannot deadlock with another.
create or replace function routing.lock_sessions_of(p_contacts uuid[]) returns void
language sql as $$
  select from routing.agent_sessions where contact_id = any (p_contacts) and ended_at is null order by id for no key update
$$;

-- Published: what was computed before this moment is never sent, and texts that wait are closed without a turn.
-- Returns the closed messages. A running turn keeps its lease, so that the session stays one turn at a time; its answer
-- will be stored as fenced.
create or replace function routing.fence_session(p_session uuid, p_now timestamptz) returns uuid[]
language plpgsql as $$
declare
  s routing.agent_sessions;
  v_is_running boolean;
begin
  select * into s from routing.agent_sessions where id = p_session for no key update;
  v_is_running := coalesce(s.lease_until > p_now, false);
  update routing.agent_sessions set
    epoch = epoch + 1, done_seq = last_seq, waiting = '{}', quiet_until = null, run_after = '-infinity',
    turn_id = case when v_is_running then turn_id end,
    lease_token = case when v_is_running then lease_token end,
    lease_until = case when v_is_running then lease_until end
  where id = p_session;
  if s.turn_id is not null and not v_is_running then
    update routing.turns set status = 'fenced', ended_at = p_now where id = s.turn_id and status = 'running';
  end if;
  delete from routing.due_sessions where session_id = p_session;
  return s.waiting;
end $$;

-- Published: fences every live session of a contact (an opt-out holds for all numbers of the account).
create or replace function routing.fence_contact(p_contact uuid, p_now timestamptz) returns uuid[]
language sql as $$
  select coalesce(array_agg(m.id), '{}')
  from (select id from routing.agent_sessions where contact_id = p_contact and ended_at is null order by id for no key update) s
  cross join lateral unnest(routing.fence_session(s.id, p_now)) m(id)
$$;

create or replace function routing.end_session(p_session uuid, p_now timestamptz) returns void
language sql as $$
  select routing.fence_session(p_session, p_now);
  update routing.agent_sessions set ended_at = p_now where id = p_session;
$$;

-- Ends sessions without a text for a day, at most p_limit at a time; a session with an unanswered text stays.
create or replace function routing.end_idle_sessions(p_now timestamptz, p_limit integer) returns integer
language plpgsql as $$
declare v_session uuid; v_ended integer := 0;
begin
  for v_session in
    select id from routing.agent_sessions
    where ended_at is null and last_text_at < p_now - interval '24 hours' and last_seq = done_seq and owner = 'agent'
    order by id limit p_limit for no key update skip locked
  loop
    perform routing.end_session(v_session, p_now);
    v_ended := v_ended + 1;
  end loop;
  return v_ended;
end $$;

-- Moves sessions to another agent, in one statement. The running call is void (its lease token is gone) and its texts
-- are asked again; answers that are stored already still leave, so the epoch stays. Returns the sessions to ring for.
create or replace function routing.move_sessions(p_sessions uuid[], p_to uuid, p_now timestamptz) returns setof uuid
language sql as $$
  with locked as (
    select id from routing.agent_sessions where id = any (p_sessions) and ended_at is null order by id for no key update
  ), moved as (
    update routing.agent_sessions s
    set agent_id = p_to, lease_token = null, lease_until = null, run_after = '-infinity', quiet_until = null
    from locked where s.id = locked.id
    returning s.id, s.turn_id, s.last_seq > s.done_seq as has_work
  ), turned as (
    update routing.turns t set agent_id = p_to from moved where t.id = moved.turn_id
  )
  select id from moved where has_work
$$;

-- Published: the same lock for many sessions, in id order.
create or replace function routing.hold_epochs(p_sessions uuid[]) returns void
language sql as $$ select from routing.agent_sessions where id = any (p_sessions) order by id for share $$;

-- Published: the epoch that a send must match, read under a lock that STOP, takeover and session end also take: whoever
-- commits first decides, and nothing is handed out after a STOP has committed.
create or replace function routing.hold_epoch(p_session uuid) returns integer
language sql as $$ select epoch from routing.agent_sessions where id = p_session for share $$;

-- Published: the live session of a number and a contact, or null.
create or replace function routing.live_session_of(p_number uuid, p_contact uuid, p_channel text) returns uuid
language sql stable as $$
  select id from routing.agent_sessions where number_id = p_number and contact_id = p_contact and channel = p_channel and ended_at is null
$$;

-- Published: the epoch that a turn was computed under; null for no turn.
create or replace function routing.turn_epoch(p_turn uuid) returns integer
language sql stable as $$ select epoch from routing.turns where id = p_turn $$;

-- A text given by POST /mcp/chat, by the session's handle. Returns {session_id, message_id, ring}, or null: no such session of this account.
create or replace function routing.receive_chat(p_account uuid, p_handle text, p_body text, p_traceparent text, p_now timestamptz) returns jsonb
language plpgsql as $$
declare
  s routing.agent_sessions;
  v_message uuid := uuidv7();
begin
  select * into s from routing.agent_sessions where handle = p_handle and account_id = p_account and ended_at is null for no key update;
  if not found then return null; end if;
  s := routing.add_text(s.id, v_message, p_now);
  if s.id is null then return jsonb_build_object('held', true); end if;
  perform messaging.accept_chat(s.id, s.account_id, s.number_id, s.contact_id, s.last_seq, v_message, p_body, p_traceparent, p_now);
  return jsonb_build_object('session_id', s.id, 'message_id', v_message, 'ring', routing.wants_ring(s, p_now), 'held', false);
end $$;

-- Published: the number has another agent now. Live sessions go to it at once; an unbound number keeps those it has.
create or replace function routing.rebind_number(p_number uuid, p_agent uuid, p_now timestamptz) returns void
language sql as $$
  update routing.agent_sessions set bound_agent_id = p_agent where number_id = p_number and ended_at is null;
  select routing.move_sessions(array(
    select id from routing.agent_sessions where number_id = p_number and ended_at is null and p_agent is not null and agent_id is distinct from p_agent), p_agent, p_now);
$$;

-- Published: ends the live sessions of a number; returns the messages that were closed unanswered.
create or replace function routing.end_sessions_of(p_number uuid, p_now timestamptz) returns setof uuid
language plpgsql as $$
declare v_id uuid;
begin
  for v_id in select id from routing.agent_sessions where number_id = p_number and ended_at is null order by id for no key update loop
    return query select unnest(routing.fence_session(v_id, p_now));
    update routing.agent_sessions set ended_at = p_now where id = v_id;
  end loop;
end $$;
