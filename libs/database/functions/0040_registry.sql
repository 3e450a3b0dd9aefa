-- Published: the agents that may take sessions, best first, with the room that they have. Health first (tens of its score: a point
-- more is no reason), then room, then speed; the built-in team last. A bound number has its own agent and, where that one is not well
-- or full, the others of its pool. Nothing is locked: room is counted from live sessions and may overshoot by the texts in flight.
create or replace function registry.agents_with_room(p_account uuid, p_bound uuid, p_except uuid) returns table (agent_id uuid, room bigint, place bigint)
language sql stable as $$
  select a.id, a.max_concurrent_sessions - load.live, row_number() over (
    order by (a.id is not distinct from p_bound) desc, (a.dialect = 'builtin'), a.health_score / 10 desc,
             load.live::float8 / a.max_concurrent_sessions, a.avg_response_time_ms, a.id)
  from registry.agent_registry a
  cross join lateral (select l.live from routing.load_of(a.id, a.max_concurrent_sessions) l offset 0) load
  where a.account_id = p_account
    and a.status in ('active', 'degraded')
    and a.id is distinct from p_except
    and (p_bound is null or a.id = p_bound or a.pool = (select b.pool from registry.agent_registry b where b.id = p_bound))
    and load.live < a.max_concurrent_sessions
$$;

-- Published: the best agent for a session.
create or replace function registry.pick_agent(p_account uuid, p_bound uuid, p_except uuid default null) returns uuid
language sql stable as $$
  select agent_id from registry.agents_with_room(p_account, p_bound, p_except) order by place limit 1
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

-- Published: does it get new sessions?
create or replace function registry.is_well(p_agent uuid) returns boolean
language sql stable as $$ select exists (select from registry.agent_registry where id = p_agent and status in ('active', 'degraded')) $$;
