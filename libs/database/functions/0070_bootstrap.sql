-- What a first start needs; each owner makes its own part, and each part may be asked for again.
create or replace function security.ensure_default_account(p_name text) returns uuid
language plpgsql as $$
begin
  insert into security.accounts (name, is_default) values (p_name, true) on conflict (is_default) where is_default do nothing;
  return security.default_account();
end $$;

-- A key under a label; keys that had the label before are revoked.
create or replace function security.replace_api_key(p_account uuid, p_label text, p_prefix text, p_hash text, p_scopes text[], p_requests_per_minute integer) returns uuid
language sql as $$
  update security.api_keys set revoked_at = now() where account_id = p_account and label = p_label and revoked_at is null;
  insert into security.api_keys (account_id, label, prefix, secret_hash, scopes, requests_per_minute)
  values (p_account, p_label, p_prefix, p_hash, p_scopes, p_requests_per_minute) returning id;
$$;

create or replace function security.has_api_key(p_account uuid, p_label text) returns boolean
language sql stable as $$ select exists (select from security.api_keys where account_id = p_account and label = p_label and revoked_at is null) $$;

-- The built-in team of an account.
create or replace function registry.ensure_builtin_agent(p_account uuid) returns uuid
language plpgsql as $$
declare v_id uuid;
begin
  select id into v_id from registry.agent_registry where account_id = p_account and dialect = 'builtin' and status <> 'retired' order by id limit 1;
  if v_id is null then
    insert into registry.agent_registry (account_id, agent_name, endpoint_url, dialect, pool, status, max_concurrent_sessions)
    values (p_account, 'Built-in marketing team', 'builtin:engagement-agent', 'builtin', 'builtin', 'active', 1000000) returning id into v_id;
  end if;
  return v_id;
end $$;

create or replace function messaging.ensure_number(p_account uuid, p_number text, p_agent uuid) returns void
language sql as $$
  insert into messaging.phone_numbers (account_id, phone_number, agent_id) values (p_account, p_number, p_agent)
  on conflict (phone_number) where released_at is null do nothing
$$;
