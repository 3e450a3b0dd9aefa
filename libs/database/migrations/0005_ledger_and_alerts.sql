-- Every billable unit, once: the thing that was used is the key, so a repeat adds nothing.
create table billing.usage_ledger (
  source_id uuid not null,
  -- inbound_segment | outbound_segment | agent_turn
  kind text not null,
  account_id uuid not null,
  quantity bigint not null,
  at timestamptz not null,
  primary key (source_id, kind)
) partition by range (source_id);

create table analytics.system_alerts (
  id uuid primary key default uuidv7(),
  account_id uuid,
  kind text not null,
  severity text not null check (severity in ('info', 'warning', 'critical')),
  -- What it is about (an agent's, a session's id): a second alert on the same thing counts up.
  subject text not null,
  details jsonb not null default '{}',
  occurrences integer not null default 1,
  first_at timestamptz not null,
  last_at timestamptz not null,
  resolved_at timestamptz
);
create unique index system_alerts_open on analytics.system_alerts (account_id, kind, subject) nulls not distinct where resolved_at is null;
