-- Published: the best agent for a new session. Health first, then room, then speed; the built-in team last. A bound
-- number has its own agent and, where that one is not well or full, the others of its pool. Nothing is locked: room is
-- counted from live sessions and may overshoot by the texts in flight.
create or replace function registry.pick_agent(p_account uuid, p_bound uuid, p_except uuid default null) returns uuid
language sql stable as $$
  select a.id
  from registry.agent_registry a
  left join registry.agent_registry b on b.id = p_bound
  cross join lateral (select routing.live_sessions(a.id, a.max_concurrent_sessions) as live) load
  where a.account_id = p_account
    and a.status in ('active', 'degraded')
    and a.id is distinct from p_except
    and (p_bound is null or a.id = p_bound or a.pool = b.pool)
    and load.live < a.max_concurrent_sessions
  order by (a.id is not distinct from p_bound) desc, (a.dialect = 'builtin'), a.health_score desc,
           load.live::float8 / a.max_concurrent_sessions, a.avg_response_time_ms, a.id
  limit 1
$$;

-- Published: what routing needs to know of an agent at every turn; no row for one that does not exist.
do $$ begin
  if to_regtype('registry.agent_routing') is null then
    create type registry.agent_routing as (is_routable boolean, double_text text, has_phone_grant boolean);
  end if;
end $$;
create or replace function registry.routing_of(p_agent uuid) returns setof registry.agent_routing
language sql stable as $$
  select status in ('active', 'degraded', 'draining'), double_text, has_phone_grant from registry.agent_registry where id = p_agent
$$;

-- Published: does the account have this agent, in any state but retired?
create or replace function registry.has_agent(p_account uuid, p_agent uuid) returns boolean
language sql stable as $$
  select exists (select from registry.agent_registry where id = p_agent and account_id = p_account and status <> 'retired')
$$;

-- Published to mcp-adapter, the only speaker to agents.
create or replace function registry.agent_endpoint(p_agent_id uuid) returns jsonb
language sql stable as $$
  select jsonb_build_object('agent_id', id, 'account_id', account_id, 'dialect', dialect, 'endpoint_url', endpoint_url,
    'credential_ciphertext', credential_ciphertext, 'request_types', to_jsonb(request_types), 'prior', prior)
  from registry.agent_registry where id = p_agent_id
$$;

-- Published: outcomes of live calls, many at a time, so that no turn waits for an agent's row.
-- p_outcomes: [{"agent_id", "calls", "mean_ms"}]; the average moves by a tenth for each batch.
create or replace function registry.record_calls(p_outcomes jsonb) returns void
language sql as $$
  update registry.agent_registry a
  set avg_response_time_ms = case when a.avg_response_time_ms = 0 then o.mean_ms else round(a.avg_response_time_ms * 0.9 + o.mean_ms * 0.1) end
  from (select (x ->> 'agent_id')::uuid as agent_id, (x ->> 'mean_ms')::numeric as mean_ms from jsonb_array_elements(p_outcomes) x) o
  where a.id = o.agent_id
$$;
