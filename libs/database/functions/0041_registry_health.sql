-- The score of an agent, 0 to 100; the same as `healthScore` in libs/domain, which explains it.
create or replace function registry.health_score(p_success_rate real, p_latency_ms real, p_silence interval) returns smallint
language sql stable as $$
  select round(100 * p_success_rate::float8
    * (1 - 0.5 * least(greatest((p_latency_ms::float8 - 2000) / 8000, 0), 1))
    * (1 - 0.5 * least(greatest((extract(epoch from p_silence)::float8 - 60) / 540, 0), 1)))::smallint
$$;

-- The agents that are due for a probe, at most p_limit; each is probed by whoever gets it here. Agents that are well are due every
-- 15 to 30 s; those that are offline after a tenth of the time that they have been silent, 1 to 15 s. The built-in team is part of the
-- installation and never offline: live turns tell its health.
create or replace function registry.claim_probes(p_limit integer, p_now timestamptz) returns setof uuid
language plpgsql as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  insert into registry.agent_health (agent_id, account_id, probe_at)
  select a.id, a.account_id, p_now + random() * interval '15 seconds' from registry.agent_registry a
  where a.status in ('active', 'degraded', 'offline', 'draining') and not exists (select from registry.agent_health h where h.agent_id = a.id)
  on conflict do nothing;
  return query
    with claimed as (
      update registry.agent_health h
      set probe_at = p_now + case when not x.is_probed then interval 'infinity'
        when x.status = 'offline' then least(greatest((p_now - coalesce(h.last_success_at, x.created_at)) / 10, interval '1 second'), interval '15 seconds')
        else interval '15 seconds' * (1 + random()) end
      from (
        select d.agent_id, a.status, a.created_at, a.dialect <> 'builtin' and a.status in ('active', 'degraded', 'offline', 'draining') as is_probed
        from (select agent_id from registry.agent_health where probe_at <= p_now order by probe_at limit p_limit for update skip locked) d
        cross join lateral (select status, created_at, dialect from registry.agent_registry where id = d.agent_id offset 0) a
      ) x
      where h.agent_id = x.agent_id returning h.agent_id, x.is_probed
    )
    select agent_id from claimed where is_probed;
end $$;

-- What calls, or (p_are_probes) probes, said since the last time. Each of p_reports, one an agent: {agent_id, successes, failures, latency_ms
-- (mean of the successes), last_is_failure (nobody answered), in_row (how many of the last ones ended alike), failure: {code, diagnosis}?}.
-- Offline: two failures in a row, a probe's success between two calls' failures not counted, for it says nothing of turns; the first one
-- brings the next probe forward. Back from there: two successes in a row, four after a relapse, then eight, up to 64, until a live call
-- succeeds. Degraded: a score below 60; well again: 75.
-- Returns what changed: {agent_id, account_id, from, to}; `dead` for a draining agent that failed twice.
create or replace function registry.record_health(p_reports jsonb, p_are_probes boolean, p_now timestamptz) returns setof jsonb
language plpgsql as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  -- One at a time: reports of two replicas name the same agents, in any order.
  perform pg_advisory_xact_lock(hashtext('registry.record_health'));
  insert into registry.agent_health (agent_id, account_id, probe_at)
  select a.id, a.account_id, p_now from jsonb_array_elements(p_reports) r cross join lateral (select id, account_id from registry.agent_registry where id = (r ->> 'agent_id')::uuid offset 0) a
  on conflict do nothing;
  return query
    with report as (
      select (r ->> 'agent_id')::uuid as agent_id, (r ->> 'successes')::integer as successes, (r ->> 'failures')::integer as failures,
        (r ->> 'latency_ms')::float8 as latency_ms, (r ->> 'last_is_failure')::boolean as last_is_failure, (r ->> 'in_row')::integer as in_row, r -> 'failure' as failure
      from jsonb_array_elements(p_reports) r order by r ->> 'agent_id'
    ), told as (
      update registry.agent_health h set
        success_rate = h.success_rate * power(0.9, r.successes + r.failures)
          + (1 - power(0.9, r.successes + r.failures)) * r.successes / (r.successes + r.failures),
        latency_ms = case when r.successes = 0 then h.latency_ms when h.last_success_at is null then r.latency_ms
          else h.latency_ms * power(0.9, r.successes) + (1 - power(0.9, r.successes)) * r.latency_ms end,
        failures_in_row = case when r.last_is_failure then r.in_row + case when r.successes = 0 then h.failures_in_row else 0 end
          when not p_are_probes then 0
          when h.failures_in_row >= 2 and r.failures = 0 and h.successes_in_row + r.successes >= 2 << least(greatest(h.relapses - 1, 0), 5) then 0
          else h.failures_in_row end,
        successes_in_row = case when r.failures > 0 then 0 else h.successes_in_row + r.successes end,
        relapses = case when not p_are_probes and r.successes > 0 then 0
          when r.last_is_failure and h.failures_in_row < 2 and r.in_row + case when r.successes = 0 then h.failures_in_row else 0 end >= 2 then h.relapses + 1
          else h.relapses end,
        last_success_at = case when r.successes > 0 then p_now else h.last_success_at end,
        last_failure_at = case when r.failures > 0 then p_now else h.last_failure_at end,
        last_failure = coalesce(r.failure, h.last_failure),
        -- Whether it is dead is soon known.
        probe_at = case when r.last_is_failure then least(h.probe_at, p_now + interval '1 second') else h.probe_at end
      from report r where h.agent_id = r.agent_id and h.agent_id = any (array(select x.agent_id from report x))
      returning h.agent_id, round(h.latency_ms)::integer as latency_ms, h.failures_in_row, h.successes_in_row, old.failures_in_row as failed_before,
        registry.health_score(h.success_rate, h.latency_ms, p_now - coalesce(h.last_success_at, p_now)) as score
    ), judged as (
      select t.*, a.account_id, a.status, a.dialect, case
        when a.status in ('active', 'degraded') and t.failures_in_row >= 2 and a.dialect <> 'builtin' then 'offline'
        when a.status = 'offline' and t.failures_in_row = 0 and t.successes_in_row >= 2 then case when t.score < 60 then 'degraded' else 'active' end
        when a.status = 'active' and t.score < 60 then 'degraded'
        when a.status = 'degraded' and t.score >= 75 then 'active'
        else a.status end as next
      from told t cross join lateral (select account_id, status, dialect from registry.agent_registry where id = t.agent_id offset 0) a
      where a.status in ('active', 'degraded', 'offline', 'draining')
    ), changed as (
      -- Another replica may have judged in between: what it decided stays.
      update registry.agent_registry a set status = j.next, health_score = j.score, avg_response_time_ms = j.latency_ms,
        updated_at = case when j.next = j.status then a.updated_at else p_now end
      from judged j where a.id = j.agent_id and a.id = any (array(select x.agent_id from judged x)) and a.status = j.status
        and (j.next <> j.status or a.health_score <> j.score or a.avg_response_time_ms <> j.latency_ms)
      returning a.id
    )
    select jsonb_build_object('agent_id', j.agent_id, 'account_id', j.account_id, 'from', j.status, 'to', case j.status when 'draining' then 'dead' else j.next end)
    from judged j
    where (j.next <> j.status and exists (select from changed c where c.id = j.agent_id))
      or (j.status = 'draining' and j.dialect <> 'builtin' and j.failures_in_row >= 2 and j.failed_before < 2);
end $$;

-- Published: how every agent does now.
create or replace view registry.agent_health_summary as
  select a.id as agent_id, a.account_id, a.agent_name, a.status, a.pool, a.dialect, a.health_score,
    h.success_rate, round(h.latency_ms)::integer as avg_response_time_ms, h.successes_in_row, h.failures_in_row,
    greatest(h.last_success_at, h.last_failure_at) as last_check_at, h.last_success_at, h.last_failure_at, h.last_failure, h.probe_at as next_probe_at
  from registry.agent_registry a left join registry.agent_health h on h.agent_id = a.id
  where a.status <> 'retired';
