-- Published: live sessions of an agent with room for p_max. Up to 1,000 they are counted on the spot; of a larger agent
-- the last count is taken (counting 10,000 at each new session costs 8 ms), so it may overshoot by a second's arrivals.
drop function if exists routing.live_sessions(uuid, bigint);
create or replace function routing.load_of(p_agent uuid, p_max bigint) returns table (live bigint)
language sql stable as $$
  select case when p_max > 1000 then coalesce((select l.live from routing.agent_load l where l.agent_id = p_agent), 0)
    else (select count(*) from (select from routing.agent_sessions where agent_id = p_agent and ended_at is null limit p_max) x) end
$$;

-- Counts all live sessions anew, unless somebody did within the last second.
create or replace function routing.count_sessions(p_now timestamptz) returns void
language plpgsql as $$
begin
  if exists (select from routing.agent_load where counted_at > p_now - interval '900 milliseconds') then return; end if;
  insert into routing.agent_load (agent_id, live, counted_at)
  select agent_id, count(*), p_now from routing.agent_sessions where ended_at is null and agent_id is not null
  group by agent_id order by agent_id
  on conflict (agent_id) do update set live = excluded.live, counted_at = excluded.counted_at;
  update routing.agent_load set live = 0 where counted_at < p_now;
end $$;

-- Published: takes texts into the sessions of their (number, contact, channel), opening those that are not live, and
-- numbers them. One row a text, in any order.
-- rings: somebody should look at the session now (once a session). Where nothing speaks against a turn of this text alone,
-- it is leased here, and whoever answers the ring with lease_token runs it; 3 s later the sweeper finds it.
-- is_held: a person owns the session; the text is stored and not run.
drop function if exists routing.receive_texts(routing.incoming[], timestamptz);
create or replace function routing.receive_texts(p_texts routing.incoming[], p_now timestamptz) returns setof routing.received
language plpgsql as $$
declare
  v_sessions uuid[];
  v_new uuid[];
  v_held uuid[];
  v_idle uuid[];
  v_free uuid[];
  v_owned uuid[];
begin
  if cardinality(p_texts) = 0 then return; end if;
  loop
    -- By position: the live session of each text.
    select array_agg(s.id order by t.n), array_agg(t.contact_id) filter (where s.id is null or s.last_text_at < p_now - interval '24 hours')
    into v_sessions, v_new
    from unnest(p_texts) with ordinality t(message_id, account_id, number_id, contact_id, channel, bound_agent_id, handle, n)
    left join lateral (
      select id, last_text_at from routing.agent_sessions
      where contact_id = t.contact_id and number_id = t.number_id and channel = t.channel and ended_at is null offset 0) s on true;
    if v_new is not null then
      -- An opt-out fences the sessions that it sees, so it must not come between us and our commit.
      perform messaging.hold_contacts(v_new);
    end if;
    if array_position(v_sessions, null) is not null then
      insert into routing.agent_sessions (account_id, number_id, contact_id, channel, handle, agent_id, bound_agent_id, last_text_at, started_at)
      select distinct on (t.contact_id, t.number_id, t.channel)
        t.account_id, t.number_id, t.contact_id, t.channel, t.handle, registry.pick_agent(t.account_id, t.bound_agent_id), t.bound_agent_id, p_now, p_now
      from unnest(p_texts) with ordinality t(message_id, account_id, number_id, contact_id, channel, bound_agent_id, handle, n)
      where v_sessions[n] is null
      order by t.contact_id, t.number_id, t.channel
      on conflict (contact_id, number_id, channel, ended_at) do nothing;
      continue;
    end if;
    -- In id order, as every batch does: two of them cannot deadlock.
    select array_agg(s.id), array_agg(s.id) filter (where s.last_text_at < p_now - interval '24 hours' and s.last_seq = s.done_seq and s.owner = 'agent'),
      array_agg(s.id) filter (where s.turn_id is null and s.last_seq = s.done_seq and s.run_after <= p_now and a.is_routable),
      array_agg(s.id) filter (where s.owner <> 'agent')
    into v_held, v_idle, v_free, v_owned
    from (select * from routing.agent_sessions where id = any (v_sessions) and ended_at is null order by id for no key update) s
    left join lateral registry.routing_of(s.agent_id) a on true;
    -- A session that ended while we waited for it is not among them: its text opens the next one.
    exit when v_idle is null and v_held @> v_sessions;
    perform routing.end_session(x, p_now) from unnest(v_idle) x;
  end loop;

  return query
    with box as (
      select v_sessions[n] as id, array_agg(t.message_id order by n) as ids, uuidv7() as turn_id,
        case when count(*) = 1 and v_sessions[n] = any (v_free) then gen_random_uuid() end as token
      from unnest(p_texts) with ordinality t(message_id, account_id, number_id, contact_id, channel, bound_agent_id, handle, n)
      group by v_sessions[n]
    ), taken as (
      update routing.agent_sessions s set
        last_seq = s.last_seq + cardinality(m.ids), waiting = s.waiting || m.ids, last_text_at = p_now,
        turn_id = case when m.token is null then s.turn_id else m.turn_id end,
        lease_token = coalesce(m.token, s.lease_token),
        lease_until = case when m.token is null then s.lease_until else p_now + interval '3 seconds' end,
        -- Quiet window after a busy turn: each text moves the start, the window's end does not move.
        run_after = case when s.turn_id is null and s.quiet_until > p_now then least(p_now + interval '400 milliseconds', s.quiet_until) else s.run_after end
      from box m where s.id = m.id and s.id = any (v_held) and s.owner = 'agent'
      returning s.id, s.account_id, s.agent_id, s.epoch, s.run_after, old.lease_until, old.last_seq as last_seq, old.done_seq as done_seq, m.ids, m.turn_id, m.token
    ), leased as (
      insert into routing.turns (id, account_id, session_id, agent_id, epoch, from_seq, to_seq, message_ids, started_at, deadline)
      select turn_id, account_id, id, agent_id, epoch, last_seq + 1, last_seq + 1, ids, p_now, p_now + interval '30 seconds' from taken where token is not null
    ), opened as (
      insert into routing.due_sessions (session_id, since) select id, p_now from taken where last_seq = done_seq
      on conflict on constraint due_sessions_pkey do update set since = p_now
    )
    select x.id, k.id, k.last_seq + x.n, k.epoch, x.n = 1 and (k.token is not null or routing.wants_ring(k.lease_until, k.run_after, k.agent_id, p_now)), k.token, false
    from taken k cross join lateral unnest(k.ids) with ordinality x(id, n);

  if v_owned is not null then
    update routing.agent_sessions set last_text_at = p_now where id = any (v_owned);
    return query
      select t.message_id, s.id, null::bigint, s.epoch, false, null::uuid, true
      from unnest(p_texts) with ordinality t(message_id, account_id, number_id, contact_id, channel, bound_agent_id, handle, n)
      cross join lateral (select x.id, x.epoch from routing.agent_sessions x where x.id = v_sessions[n] offset 0) s
      where s.id = any (v_owned);
  end if;
end $$;

-- After a text: should somebody look at once? Not while a turn runs (its end looks), unless texts merge into it; not in
-- a quiet window or a pause before a retry (an alarm is set for them).
create or replace function routing.wants_ring(p_lease_until timestamptz, p_run_after timestamptz, p_agent uuid, p_now timestamptz) returns boolean
language plpgsql stable as $$
begin
  if p_lease_until > p_now then return (select a.double_text from registry.routing_of(p_agent) a) = 'merge'; end if;
  return p_run_after <= p_now;
end $$;

-- Published: what was computed before this moment is never sent, and texts that wait are closed without a turn.
-- Returns the closed messages. A running turn keeps its lease, so that the session stays one turn at a time; its answer
-- will be stored as fenced. p_may_run false: the caller knows that nobody runs its turn.
drop function if exists routing.fence_session(uuid, timestamptz);
create or replace function routing.fence_session(p_session uuid, p_now timestamptz, p_may_run boolean default true) returns uuid[]
language plpgsql as $$
declare
  s routing.agent_sessions;
  v_is_running boolean;
begin
  select * into s from routing.agent_sessions where id = p_session for no key update;
  v_is_running := p_may_run and coalesce(s.lease_until > p_now, false);
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
  select coalesce(array_agg(m.id order by m.id), '{}')
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
-- are asked again; answers that are stored already still leave, so the epoch stays. p_from: only those that are still with it. Returns the sessions to ring for.
drop function if exists routing.move_sessions(uuid[], uuid, timestamptz);
create or replace function routing.move_sessions(p_sessions uuid[], p_to uuid, p_now timestamptz, p_from uuid default null) returns setof uuid
language sql as $$
  with locked as (
    select id from routing.agent_sessions where id = any (p_sessions) and ended_at is null and (p_from is null or agent_id = p_from) order by id for no key update
  ), moved as (
    update routing.agent_sessions s
    set agent_id = p_to, lease_token = null, lease_until = null, run_after = '-infinity', quiet_until = null
    from locked where s.id = locked.id
    returning s.id, s.turn_id, s.last_seq > s.done_seq as has_work
  ), turned as (
    update routing.turns set agent_id = p_to where id = any (array(select turn_id from moved))
  )
  select id from moved where has_work
$$;

-- The sessions of an agent that is dead move to the others that may have them, as far as these have room, with one statement for
-- each of those; see `move_sessions` for what that means to their turns. Who finds no room stays, and is claimed by whoever has
-- some first. Returns {moved, left, rings}: rings are the sessions that wait for an answer.
create or replace function routing.fail_over(p_agent uuid, p_now timestamptz) returns jsonb
language plpgsql as $$
declare
  v_all uuid[];
  v_moved integer := 0;
  v_rings uuid[] := '{}';
  v_part uuid[];
  g record;
  c record;
begin
  -- It is back already: whoever told of its death came late.
  if registry.is_well(p_agent) then return '{"moved": 0, "left": 0, "rings": []}'; end if;
  -- In id order, as every batch does, before any of them is moved.
  v_all := array(select id from routing.agent_sessions where agent_id = p_agent and ended_at is null order by id for no key update);
  for g in
    select account_id, bound_agent_id, array_agg(id order by id) as ids from routing.agent_sessions where id = any (v_all) group by account_id, bound_agent_id
  loop
    for c in select * from registry.agents_with_room(g.account_id, g.bound_agent_id, p_agent) order by place loop
      exit when g.ids = '{}';
      v_part := g.ids[1 : least(c.room, 1000000)];
      g.ids := g.ids[cardinality(v_part) + 1 :];
      v_moved := v_moved + cardinality(v_part);
      v_rings := v_rings || array(select routing.move_sessions(v_part, c.agent_id, p_now, p_agent));
    end loop;
  end loop;
  return jsonb_build_object('moved', v_moved, 'left', cardinality(v_all) - v_moved, 'rings', to_jsonb(v_rings));
end $$;

-- Published: the epochs that sends must match, by session id, read under a lock that STOP, takeover and session end also
-- take, in id order: whoever commits first decides, and nothing is handed out after a STOP has committed.
create or replace function routing.hold_epochs(p_sessions uuid[]) returns jsonb
language sql as $$
  select coalesce(jsonb_object_agg(id, epoch), '{}') from (select id, epoch from routing.agent_sessions where id = any (p_sessions) order by id for share) s
$$;

-- Published: the epoch of a session as it is now, not held.
create or replace function routing.epoch_of(p_session uuid) returns table (epoch integer)
language sql stable as $$ select epoch from routing.agent_sessions where id = p_session $$;

-- Published: the live session of a number and a contact, or null.
create or replace function routing.live_session_of(p_number uuid, p_contact uuid, p_channel text) returns uuid
language sql stable as $$
  select id from routing.agent_sessions where number_id = p_number and contact_id = p_contact and channel = p_channel and ended_at is null
$$;

-- Published: the epoch that a turn was computed under; null for no turn.
create or replace function routing.turn_epoch(p_turn uuid) returns integer
language sql stable as $$ select epoch from routing.turns where id = p_turn $$;

-- A text given by POST /mcp/chat, by the session's handle. Returns {session_id, message_id, ring, lease_token, held}; null: no such session of this account.
create or replace function routing.receive_chat(p_account uuid, p_handle text, p_body text, p_traceparent text, p_now timestamptz) returns jsonb
language plpgsql as $$
declare
  s routing.agent_sessions;
  v_message uuid := uuidv7();
  r record;
begin
  select * into s from routing.agent_sessions where handle = p_handle and account_id = p_account and ended_at is null
    and not (last_text_at < p_now - interval '24 hours' and last_seq = done_seq and owner = 'agent');
  if not found then return null; end if;
  begin
    select * into r from routing.receive_texts(
      array[(v_message, s.account_id, s.number_id, s.contact_id, s.channel, s.bound_agent_id, s.handle)::routing.incoming], p_now);
    if r.session_id is distinct from s.id then raise no_data_found; end if;
  exception when unique_violation or no_data_found then
    -- The session ended while we waited for it: what a chat gets is never a new one's, nor can that have the old handle.
    return null;
  end;
  if r.is_held then return jsonb_build_object('held', true); end if;
  perform messaging.accept_chat(s.id, s.account_id, s.number_id, s.contact_id, r.seq, v_message, p_body, p_traceparent, p_now);
  return jsonb_build_object('session_id', s.id, 'message_id', v_message, 'ring', r.rings, 'lease_token', r.lease_token, 'held', false);
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
