-- What live calls and probes say of each agent. One row an agent, beside its registration: outcomes are written here many at a
-- time, and the agent's own row changes only with its status or its score.
create table registry.agent_health (
  agent_id uuid primary key references registry.agent_registry on delete cascade,
  account_id uuid not null references security.accounts,
  -- Moving averages, a tenth for each call or probe: the share that succeeded, and milliseconds of those that did.
  success_rate real not null default 1,
  latency_ms real not null default 0,
  successes_in_row integer not null default 0,
  failures_in_row integer not null default 0,
  -- How often it went offline since a live call last succeeded.
  relapses integer not null default 0,
  last_success_at timestamptz,
  last_failure_at timestamptz,
  -- A code and a diagnosis in our own words.
  last_failure jsonb,
  -- Whoever claims a probe moves it: one replica probes, and another one next time if that one died.
  probe_at timestamptz not null
) with (fillfactor = 70);
create index agent_health_probe on registry.agent_health (probe_at);

drop function if exists registry.record_calls(jsonb);
