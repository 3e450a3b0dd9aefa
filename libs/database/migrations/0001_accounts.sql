-- Schemas, one per owning app (docs/architecture.md), and the accounts that every tenant table refers to.
create schema platform;
create schema security;
create schema registry;
create schema messaging;
create schema routing;
create schema billing;
create schema analytics;

create table security.accounts (
  id uuid primary key default uuidv7(),
  name text not null,
  -- The environment's carrier credentials belong to this one.
  is_default boolean not null default false,
  apology_text text not null default 'Sorry, we could not answer that just now. Please try again in a few minutes.',
  opt_out_text text not null default 'You are unsubscribed and will receive no more messages. Reply START to resubscribe.',
  opt_in_text text not null default 'You are subscribed again. Reply HELP for help or STOP to unsubscribe.',
  help_text text not null default 'You are texting with an AI assistant. Msg & data rates may apply. Reply STOP to unsubscribe.',
  created_at timestamptz not null default now()
);
create unique index accounts_one_default on security.accounts (is_default) where is_default;

create table security.api_keys (
  id uuid primary key default uuidv7(),
  account_id uuid not null references security.accounts,
  prefix text not null unique,
  secret_hash text not null,
  label text not null,
  scopes text[] not null,
  -- null: no limit.
  requests_per_minute integer default 100 check (requests_per_minute > 0),
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz,
  check (scopes <@ array['read', 'write', 'admin'] and cardinality(scopes) > 0)
);

-- Answers to POSTs that carried an Idempotency-Key; kept for a day.
create table security.idempotent_requests (
  account_id uuid not null references security.accounts,
  key text not null,
  route text not null,
  request_hash text not null,
  status smallint,
  body jsonb,
  created_at timestamptz not null default now(),
  primary key (account_id, route, key)
);
create index idempotent_requests_created_at on security.idempotent_requests (created_at);
