create table registry.agent_registry (
  id uuid primary key default uuidv7(),
  account_id uuid not null references security.accounts,
  agent_name text not null,
  endpoint_url text not null,
  -- null until a probe found one.
  dialect text check (dialect in ('mcp', 'chat', 'builtin')),
  pool text,
  status text not null default 'pending'
    check (status in ('pending', 'active', 'degraded', 'offline', 'draining', 'retired')),
  -- AES-256-GCM (SecretBox): it has to be sent, so a hash would be useless.
  credential_ciphertext text,
  max_concurrent_sessions bigint not null default 100 check (max_concurrent_sessions > 0),
  double_text text not null default 'coalesce' check (double_text in ('coalesce', 'merge', 'enqueue')),
  -- The agent gets the real phone number instead of the pseudonymous contact id.
  has_phone_grant boolean not null default false,
  health_score smallint not null default 100 check (health_score between 0 and 100),
  avg_response_time_ms integer not null default 0,
  request_types text[] not null default '{}',
  tools text[] not null default '{}',
  -- What the next MCP connection can reuse (the discover result).
  prior jsonb,
  report jsonb,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  check (status in ('pending', 'retired', 'offline') or dialect is not null)
);
create index agent_registry_account on registry.agent_registry (account_id, id);
