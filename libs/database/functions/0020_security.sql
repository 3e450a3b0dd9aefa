-- Published to every app: what an API key may do. The caller compares the hash.
create or replace function security.find_api_key(p_prefix text, p_now timestamptz) returns jsonb
language sql stable as $$
  select jsonb_build_object('key_id', id, 'account_id', account_id, 'secret_hash', secret_hash, 'scopes', to_jsonb(scopes))
  from security.api_keys
  where prefix = p_prefix and revoked_at is null and (expires_at is null or expires_at > p_now)
$$;

-- Published: the account that the environment's carrier credentials belong to.
create or replace function security.default_account() returns uuid
language sql stable as $$ select id from security.accounts where is_default $$;

-- Published: the account's own words for a moment when no agent speaks.
create or replace function security.account_text(p_account uuid, p_kind text) returns text
language sql stable as $$
  select case p_kind when 'apology' then apology_text when 'opt_out' then opt_out_text
                     when 'opt_in' then opt_in_text when 'help' then help_text end
  from security.accounts where id = p_account
$$;

-- Published: first use of an Idempotency-Key inserts and returns null; a repeat returns what is known of the first.
create or replace function security.begin_idempotent(p_account uuid, p_route text, p_key text, p_hash text, p_now timestamptz) returns jsonb
language plpgsql as $$
declare v_row security.idempotent_requests;
begin
  insert into security.idempotent_requests (account_id, route, key, request_hash, created_at)
  values (p_account, p_route, p_key, p_hash, p_now)
  on conflict (account_id, route, key) do update
    set request_hash = excluded.request_hash, status = null, body = null, created_at = excluded.created_at
    -- A day later the key is free again; so is one whose first request died before it was answered.
    where idempotent_requests.created_at < p_now - interval '24 hours'
       or (idempotent_requests.status is null and idempotent_requests.created_at < p_now - interval '60 seconds')
  returning * into v_row;
  if found then return null; end if;
  select * into v_row from security.idempotent_requests where account_id = p_account and route = p_route and key = p_key;
  return jsonb_build_object('status', v_row.status, 'body', v_row.body, 'matches', v_row.request_hash = p_hash);
end $$;

create or replace function security.end_idempotent(p_account uuid, p_route text, p_key text, p_status integer, p_body jsonb) returns void
language sql as $$
  update security.idempotent_requests set status = p_status, body = p_body where account_id = p_account and route = p_route and key = p_key
$$;

-- A request that failed on our side may be tried again with the same key.
create or replace function security.cancel_idempotent(p_account uuid, p_route text, p_key text) returns void
language sql as $$
  delete from security.idempotent_requests where account_id = p_account and route = p_route and key = p_key and status is null
$$;
