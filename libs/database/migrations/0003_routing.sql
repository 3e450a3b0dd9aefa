-- A session is a mailbox: texts get gapless numbers, one turn runs at a time, a lease says who runs it.
-- No CHECK constraints on the tables of the hot path: Postgres parses and compiles each of them again at every single
-- statement (measured: a fifth of a turn's CPU). Their only writers are the functions of their schema.
create table routing.agent_sessions (
  id uuid primary key default uuidv7(),
  account_id uuid not null references security.accounts,
  number_id uuid not null,
  contact_id uuid not null,
  channel text not null default 'sms',
  -- The handle by which agents know the session: an HMAC, fixed for its life, never a credential.
  handle text not null unique,
  -- null: no agent had a place when it opened; the next claim chooses.
  agent_id uuid,
  -- The agent the number was bound to; failover stays within its pool.
  bound_agent_id uuid,
  -- agent | person
  owner text not null default 'agent',
  state jsonb not null default '{}',
  last_seq bigint not null default 0,
  done_seq bigint not null default 0,
  -- Messages done_seq + 1 .. last_seq, in order.
  waiting uuid[] not null default '{}',
  -- Bumped by STOP, takeover and session end: what was computed under an older one is never sent.
  epoch integer not null default 0,
  -- The unfinished turn, running (live lease) or waiting for its next attempt.
  turn_id uuid,
  lease_token uuid,
  lease_until timestamptz,
  -- A turn may not start earlier: quiet window after a busy turn, pause before a retry.
  run_after timestamptz not null default '-infinity',
  -- The quiet window ends here at the latest.
  quiet_until timestamptz,
  -- Our replies in a row, each within 30 s of the one before (loop breaker).
  reply_streak integer not null default 0,
  last_reply_at timestamptz,
  last_text_at timestamptz not null,
  started_at timestamptz not null,
  ended_at timestamptz
) with (fillfactor = 70);
-- One live session each. Not partial: while a table is small the planner scans a whole partial index whose predicate fits
-- rather than look a row up in another one.
create unique index agent_sessions_live on routing.agent_sessions (contact_id, number_id, channel, ended_at) nulls not distinct;
create index agent_sessions_by_agent on routing.agent_sessions (agent_id, ended_at);

-- Sessions with a text that waits for its answer. The sweeper reads this small table instead of an index on the
-- session row, whose updates would then stop being heap-only (five indexes written three times a turn).
create table routing.due_sessions (
  session_id uuid primary key,
  since timestamptz not null
) with (fillfactor = 70);

-- Live sessions of each agent, counted about every second: for agents with so much room that a second does not matter.
create table routing.agent_load (
  agent_id uuid primary key,
  live bigint not null,
  counted_at timestamptz not null
);

create table routing.turns (
  id uuid primary key,
  account_id uuid not null,
  session_id uuid not null,
  agent_id uuid,
  epoch integer not null,
  from_seq bigint not null,
  to_seq bigint not null,
  message_ids uuid[] not null,
  -- running | answered | apologised | fenced | superseded
  status text not null default 'running',
  attempts smallint not null default 1,
  started_at timestamptz not null,
  deadline timestamptz not null,
  ended_at timestamptz,
  -- A built-in agent's answer, waiting for the adapter to complete the turn with it.
  draft jsonb,
  -- Diagnosis of the last failed attempt: a code and a sentence, no text of the conversation.
  failure jsonb
);
