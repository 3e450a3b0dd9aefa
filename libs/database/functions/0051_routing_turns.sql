-- Takes the right to run the next turn of these sessions, of each that has one to run now. p_tokens: by position, the lease
-- that came with the ring; a turn that is leased so is only read. p_lease: how long without a heartbeat.
-- Returns for each that exists {outcome, …}: claimed (with everything a turn needs) | running | later (at) | nothing |
-- no_agent | closed. An alert in it is raised already.
-- Rows are locked in id order, so two batches cannot deadlock. The commit need not wait for the disk: a claim that a crash
-- takes back is claimed again.
drop function if exists routing.claim_turns(uuid[], timestamptz, interval);
create or replace function routing.claim_turns(p_sessions uuid[], p_tokens uuid[], p_now timestamptz, p_lease interval) returns setof json
language plpgsql as $$
declare
  s routing.agent_sessions;
  v_found uuid[] := '{}';
  v_ready uuid[] := '{}';
  v_tokens uuid[] := '{}';
  v_superseded uuid[] := '{}';
  v_obstacle jsonb;
  v_ends jsonb[] := '{}';
  r record;
begin
  for r in select * from routing.leased_turns(p_sessions, p_tokens, null, p_now) loop
    v_found := v_found || r.session_id;
    return next r.claim;
  end loop;
  if v_found @> p_sessions then return; end if;

  perform set_config('synchronous_commit', 'off', true);
  for s in select * from routing.agent_sessions where id = any (p_sessions) and id <> all (v_found) order by id for no key update loop
    if s.lease_token = any (p_tokens) and s.lease_until > p_now and (select t.epoch from routing.turns t where t.id = s.turn_id) <> s.epoch then
      -- Leased to this ring, and fenced before anybody answered it.
      update routing.turns set status = 'fenced', ended_at = p_now where id = s.turn_id;
      update routing.agent_sessions set turn_id = null, lease_token = null, lease_until = null where id = s.id returning * into s;
    end if;
    v_obstacle := case when s.turn_id is not null or s.run_after > p_now or s.ended_at is not null or s.last_seq = s.done_seq then routing.obstacle(s, p_now) end;
    if v_obstacle is null then
      v_ready := v_ready || s.id;
    else
      return next (v_obstacle || jsonb_build_object('session_id', s.id))::json;
    end if;
  end loop;
  if v_ready = '{}' then return; end if;

  v_found := '{}';
  for r in
    -- A running turn without a lease is tried again. Any other end makes a new turn, young as long as the one it replaces was.
    with session as (
      select m.*, g.agent_id as chosen_id, a.double_text, t.last, coalesce((t.last).status = 'running', false) as is_retry
      from unnest(v_ready) x(id)
      cross join lateral (select * from routing.agent_sessions where id = x.id offset 0) m
      left join lateral (select t as last from routing.turns t where id = m.turn_id offset 0) t on true
      left join lateral registry.routing_of(m.agent_id) has on true
      cross join lateral (
        select case when has.is_routable then m.agent_id else registry.pick_agent(m.account_id, m.bound_agent_id, m.agent_id) end as agent_id offset 0) g
      left join lateral registry.routing_of(g.agent_id) a on true
    ), ready as (
      select m.*,
        case when is_retry then (last).id else uuidv7() end as new_turn_id,
        case when is_retry then (last).epoch else epoch end as turn_epoch,
        case when is_retry then (last).from_seq else done_seq + 1 end as from_seq,
        case when is_retry then (last).to_seq else done_seq + x.count end as to_seq,
        case when is_retry then (last).message_ids else waiting[1 : x.count] end as message_ids,
        case when is_retry then (last).attempts else 0 end as attempts,
        case when is_retry or (last).status = 'superseded' then (last).started_at else p_now end as turn_started_at,
        case when is_retry then (last).deadline else x.first_at + interval '30 seconds' end as deadline,
        gen_random_uuid() as token
      from session m
      cross join lateral messaging.leading_texts(
        case when is_retry then (last).message_ids else waiting end, case when double_text = 'enqueue' and not is_retry then 1 else 50 end) x
    ), judged as (
      select *, case when p_now >= deadline then 'turn_deadline' when attempts >= 3 then 'turn_attempts' when chosen_id is null then 'no_agent' end as verdict
      from ready
    ), stored as (
      insert into routing.turns (id, account_id, session_id, agent_id, epoch, from_seq, to_seq, message_ids, attempts, started_at, deadline)
      select new_turn_id, account_id, id, chosen_id, turn_epoch, from_seq, to_seq, message_ids,
        attempts + case when verdict is null then 1 else 0 end, turn_started_at, deadline
      from judged
      on conflict (id) do update set attempts = excluded.attempts, agent_id = excluded.agent_id
    ), leased as (
      update routing.agent_sessions m set turn_id = j.new_turn_id, agent_id = j.chosen_id, quiet_until = null,
        lease_token = case when j.verdict is null then j.token end,
        lease_until = case when j.verdict is null then p_now + p_lease end,
        run_after = case when j.verdict is null then '-infinity' else least(p_now + interval '1 second', j.deadline) end
      from judged j where m.id = j.id and m.id = any (v_ready)
    )
    select id, account_id, new_turn_id, verdict, deadline, token, case when (last).status = 'superseded' then (last).id end as superseded from judged
  loop
    if r.verdict is null then
      v_found := v_found || r.id;
      v_tokens := v_tokens || r.token;
      v_superseded := v_superseded || r.superseded;
    elsif r.verdict = 'no_agent' then
      v_ends := v_ends || jsonb_build_object('outcome', 'no_agent', 'session_id', r.id, 'at', least(p_now + interval '1 second', r.deadline), 'alert',
        jsonb_build_object('account_id', r.account_id, 'kind', 'no_agent', 'severity', 'critical', 'subject', r.account_id, 'details', '{}'::jsonb));
    else
      v_ends := v_ends || routing.close_turn(r.id, r.new_turn_id, r.verdict, p_now);
    end if;
  end loop;
  if v_found <> '{}' then
    return query select x.claim from routing.leased_turns(v_found, v_tokens, v_superseded, p_now) x;
  end if;
  if v_ends <> '{}' then
    return query select routing.with_alert(e, p_now)::json from unnest(v_ends) e order by e #>> '{alert,kind}', e #>> '{alert,subject}';
  end if;
end $$;

-- What it takes to run the turns that are leased under these tokens; none for a lease that is void or has run out, and none
-- for a turn that was fenced.
-- p_superseded: by position, the turn that this one replaces.
create or replace function routing.leased_turns(p_sessions uuid[], p_tokens uuid[], p_superseded uuid[], p_now timestamptz) returns table (session_id uuid, claim json)
language sql stable as $$
  select s.id, json_build_object(
    'outcome', 'claimed', 'session_id', s.id, 'turn_id', t.id, 'lease_token', s.lease_token, 'agent_id', s.agent_id, 'account_id', s.account_id,
    'attempt', t.attempts, 'deadline', t.deadline, 'superseded', x.superseded,
    'handle', s.handle, 'channel', s.channel, 'contact_id', s.contact_id, 'phone', case when a.has_phone_grant then messaging.phone_of(s.contact_id) end,
    'state', s.state, 'texts', m.texts,
    'history', case when t.from_seq = 1 then '[]' else (select h from messaging.history(s.contact_id, s.id, s.started_at) h) end)
  from unnest(p_sessions, p_tokens, p_superseded) x(session_id, token, superseded)
  cross join lateral (select * from routing.agent_sessions where id = x.session_id and lease_token = x.token and lease_until > p_now offset 0) s
  cross join lateral (select * from routing.turns where id = s.turn_id and epoch = s.epoch offset 0) t
  left join lateral registry.routing_of(s.agent_id) a on true
  cross join lateral messaging.leading_texts(t.message_ids, cardinality(t.message_ids)) m
$$;

-- Why a session that is not idle cannot be claimed now; null: it can. Ends a turn that nobody will complete.
create or replace function routing.obstacle(s routing.agent_sessions, p_now timestamptz) returns jsonb
language plpgsql as $$
declare t routing.turns;
begin
  if s.ended_at is not null or s.last_seq = s.done_seq then
    delete from routing.due_sessions where session_id = s.id;
    return jsonb_build_object('outcome', 'nothing');
  end if;
  select * into t from routing.turns where id = s.turn_id;
  if s.lease_until > p_now then
    -- A fenced turn still runs out; nothing joins it. Otherwise `merge` replaces a young turn by one with all texts.
    if t.epoch <> s.epoch or t.to_seq = s.last_seq or p_now >= t.started_at + interval '2 seconds'
       or (select a.double_text from registry.routing_of(s.agent_id) a) is distinct from 'merge' then
      return jsonb_build_object('outcome', 'running');
    end if;
    update routing.turns set status = 'superseded', ended_at = p_now where id = t.id;
  elsif s.run_after > p_now then
    return jsonb_build_object('outcome', 'later', 'at', s.run_after);
  elsif t.epoch <> s.epoch then
    -- Its lease ran out.
    update routing.turns set status = 'fenced', ended_at = p_now where id = t.id and status = 'running';
  end if;
  return null;
end $$;

-- Sessions that a sweeper should claim: a text waits, no live lease, not too early, and the doorbell had its chance.
create or replace function routing.sweep(p_now timestamptz, p_limit integer, p_patience interval default interval '1 second') returns setof uuid
language sql as $$
  select s.id from routing.due_sessions d
  cross join lateral (select * from routing.agent_sessions where id = d.session_id offset 0) s
  where d.since <= p_now - p_patience and (s.lease_until is null or s.lease_until <= p_now) and s.run_after <= p_now
  order by d.since limit p_limit
$$;

-- Published: nobody can be told of these leases that came with texts; the turns may be claimed, and no attempt was made.
create or replace function routing.release_leases(p_sessions uuid[], p_tokens uuid[]) returns void
language sql as $$
  with freed as (
    update routing.agent_sessions s set lease_token = null, lease_until = null
    from (select s.id from routing.agent_sessions s join unnest(p_sessions, p_tokens) x(session_id, token)
            on s.id = any (p_sessions) and s.id = x.session_id and s.lease_token = x.token
          order by s.id for no key update of s) m
    where s.id = m.id returning s.turn_id
  )
  update routing.turns set attempts = 0 where id = any (array(select turn_id from freed))
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

-- Ends turns whose sessions the caller has locked: stores their answers and frees the sessions. Texts that came meanwhile
-- start a quiet window (coalesce, merge) or run at once (enqueue). A turn of an older epoch ends as fenced; its answer is
-- stored and never leaves.
-- Returns for each {outcome: answered | apologised | fenced, turn_id, session_id, waiters, is_due, more_at}.
create or replace function routing.end_turns(p_ends routing.turn_end[], p_now timestamptz) returns setof jsonb
language plpgsql as $$
declare
  v_sessions uuid[] := array(select e.session_id from unnest(p_ends) e);
  v_turns uuid[] := array(select e.turn_id from unnest(p_ends) e);
  v_answers messaging.answer[];
  v_more jsonb;
  v_idle uuid[];
  v_busy uuid[];
begin
  with ended as (
    update routing.turns t set status = case when t.epoch = s.epoch then e.status else 'fenced' end, ended_at = p_now, draft = null,
      failure = case when e.reason is null then t.failure else coalesce(t.failure, '{}') || jsonb_build_object('closed_by', e.reason) end
    from unnest(p_ends) e
    cross join lateral (select epoch, last_seq, agent_id from routing.agent_sessions where id = e.session_id offset 0) s
    where t.id = e.turn_id and t.id = any (v_turns)
    returning t.id as turn_id, t.session_id, t.status = 'fenced' as is_fenced, t.epoch, t.to_seq, t.message_ids, e.parts, e.state, e.hops,
      case when s.last_seq > t.to_seq and (select a.double_text from registry.routing_of(s.agent_id) a) is distinct from 'enqueue'
        then p_now + interval '2 seconds' end as quiet_until
  ), freed as (
    update routing.agent_sessions s set turn_id = null, lease_token = null, lease_until = null,
      done_seq = e.to_seq, waiting = s.waiting[e.to_seq - s.done_seq + 1 :], state = coalesce(e.state, s.state),
      run_after = case when e.quiet_until is null then '-infinity' else greatest(p_now, least(s.last_text_at + interval '400 milliseconds', e.quiet_until)) end,
      quiet_until = e.quiet_until,
      reply_streak = case when s.last_reply_at >= p_now - interval '30 seconds' then s.reply_streak + 1 else 1 end, last_reply_at = p_now
    from ended e where s.id = e.session_id and not e.is_fenced and s.id = any (v_sessions)
    returning s.account_id, s.id, s.contact_id, s.reply_streak, s.last_seq > s.done_seq as has_more, s.run_after, e.*
  ), void as (
    update routing.agent_sessions s set turn_id = null, lease_token = null, lease_until = null
    from ended e where s.id = e.session_id and e.is_fenced and s.id = any (v_sessions)
    returning s.account_id, s.id, s.contact_id, null::integer as reply_streak, s.last_seq > s.done_seq as has_more, s.run_after, e.*
  )
  select array_agg((x.account_id, x.id, x.contact_id, x.turn_id, x.epoch, x.to_seq, x.message_ids, x.parts, x.hops, x.reply_streak)::messaging.answer),
    coalesce(jsonb_object_agg(x.turn_id, greatest(x.run_after, p_now)) filter (where x.has_more), '{}'),
    array_agg(x.id) filter (where not x.has_more and not x.is_fenced), array_agg(x.id) filter (where x.has_more and not x.is_fenced)
  into v_answers, v_more, v_idle, v_busy
  from (select * from freed union all select * from void) x;

  delete from routing.due_sessions where session_id = any (v_idle);
  if v_busy is not null then
    update routing.due_sessions set since = p_now where session_id = any (v_busy);
  end if;
  return query
    select jsonb_build_object('outcome', case when a.reply_streak is null then 'fenced' else e.status end, 'turn_id', e.turn_id, 'session_id', e.session_id,
      'more_at', v_more -> (e.turn_id::text)) || x.stored
    from messaging.store_answers(v_answers, p_now) x
    join unnest(p_ends) e on e.turn_id = x.turn_id
    join unnest(v_answers) a on a.turn_id = x.turn_id;
end $$;

-- Stores the answers of turns whose leases the caller still holds, and frees their sessions.
-- p_items: [{session_id, turn_id, lease_token, parts: [{body, segments, encoding}], state?, hops: [...]}].
-- Returns for each what `end_turns` does, or {outcome: void, turn_id, session_id}.
create or replace function routing.complete_turns(p_items jsonb, p_now timestamptz) returns setof jsonb
language plpgsql as $$
declare
  v_ends routing.turn_end[];
  v_void jsonb[];
begin
  perform from routing.agent_sessions where id = any (array(select (x ->> 'session_id')::uuid from jsonb_array_elements(p_items) x)) order by id for no key update;
  select array_agg((id, turn_id, 'answered', x -> 'parts', nullif(x -> 'state', 'null'), x -> 'hops', null)::routing.turn_end) filter (where is_held),
    array_agg(jsonb_build_object('outcome', 'void', 'turn_id', x -> 'turn_id', 'session_id', x -> 'session_id')) filter (where not is_held)
  into v_ends, v_void
  from (
    select x, s.id, s.turn_id, s.id is not null and row_number() over (partition by s.id) = 1 as is_held
    from jsonb_array_elements(p_items) x
    left join lateral (
      select id, turn_id from routing.agent_sessions
      where id = (x ->> 'session_id')::uuid and lease_token = (x ->> 'lease_token')::uuid and turn_id = (x ->> 'turn_id')::uuid offset 0) s on true
  ) i;
  if v_void is not null then
    return query select unnest(v_void);
  end if;
  if v_ends is not null then
    return query select routing.end_turns(v_ends, p_now);
  end if;
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
  if p_counts then
    perform messaging.add_hop(t.message_ids, jsonb_build_object('hop', 'failed', 'at', p_now, 'by', 'mcp-adapter', 'agent_id', t.agent_id, 'attempt', t.attempts, 'reason', p_failure -> 'code'));
  end if;
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

-- Closes a locked session's turn without an agent's answer: the account's apology goes out instead, an alert is described,
-- the session goes on.
create or replace function routing.close_turn(p_session uuid, p_turn_id uuid, p_reason text, p_now timestamptz) returns jsonb
language plpgsql as $$
declare
  t routing.turns;
  v_end jsonb;
begin
  -- Hands out an answer, which a claim alone does not.
  perform set_config('synchronous_commit', 'on', true);
  select * into t from routing.turns where id = p_turn_id;
  v_end := routing.end_turns(array[(p_session, t.id, 'apologised',
    jsonb_build_array(jsonb_build_object('body', security.account_text(t.account_id, 'apology'), 'segments', 1, 'encoding', 'GSM-7')), null,
    jsonb_build_array(jsonb_build_object('hop', 'apologised', 'at', p_now, 'by', 'mcp-adapter', 'reason', p_reason)), p_reason)::routing.turn_end], p_now);
  return v_end || jsonb_build_object('outcome', 'closed', 'reason', p_reason, 'alert', jsonb_build_object('account_id', t.account_id,
    'kind', 'turn_apologised', 'severity', 'warning', 'subject', coalesce(t.agent_id::text, 'no agent'),
    'details', jsonb_build_object('turn_id', t.id, 'reason', p_reason, 'failure', coalesce(t.failure, '{}') || jsonb_build_object('closed_by', p_reason))));
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
    'history', (select h from messaging.history(s.contact_id, s.id, s.started_at) h),
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
