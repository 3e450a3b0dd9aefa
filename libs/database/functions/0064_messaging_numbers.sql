-- Takes a number into an account, or binds an own one anew. Returns ok | agent_not_found | number_taken.
create or replace function messaging.bind_number(p_account uuid, p_number text, p_agent uuid, p_now timestamptz) returns text
language plpgsql as $$
declare n messaging.phone_numbers;
begin
  if p_agent is not null and not registry.has_agent(p_account, p_agent) then return 'agent_not_found'; end if;
  insert into messaging.phone_numbers (account_id, phone_number, agent_id) values (p_account, p_number, p_agent)
  on conflict (phone_number) where released_at is null do update set agent_id = excluded.agent_id
    where phone_numbers.account_id = excluded.account_id
  returning * into n;
  if not found then return 'number_taken'; end if;
  perform routing.rebind_number(n.id, p_agent, p_now);
  return 'ok';
end $$;

-- Gives a number back: no text to it is accepted any more, and its sessions end.
create or replace function messaging.release_number(p_account uuid, p_number text, p_now timestamptz) returns boolean
language plpgsql as $$
declare
  v_id uuid;
  v_closed uuid[];
begin
  update messaging.phone_numbers set released_at = p_now
  where account_id = p_account and phone_number = p_number and released_at is null returning id into v_id;
  if not found then return false; end if;
  -- In a statement of its own: a join may call the function once for each row.
  v_closed := array(select routing.end_sessions_of(v_id, p_now));
  update messaging.message_history set status = 'closed' where id = any (v_closed) and status = 'waiting';
  return true;
end $$;

create or replace function messaging.carrier_account(p_account_sid text) returns jsonb
language sql stable as $$
  select jsonb_build_object('account_id', account_id, 'account_sid', account_sid, 'auth_token_ciphertext', auth_token_ciphertext)
  from messaging.carrier_accounts where account_sid = p_account_sid
$$;

create or replace function messaging.carrier_account_of(p_account text) returns jsonb
language sql stable as $$
  select messaging.carrier_account(account_sid) from messaging.carrier_accounts where account_id = p_account::uuid order by created_at desc limit 1
$$;

-- false: the SID belongs to another account.
create or replace function messaging.save_carrier_account(p_account uuid, p_account_sid text, p_ciphertext text) returns boolean
language plpgsql as $$
begin
  insert into messaging.carrier_accounts (account_id, account_sid, auth_token_ciphertext) values (p_account, p_account_sid, p_ciphertext)
  on conflict (account_sid) do update set auth_token_ciphertext = excluded.auth_token_ciphertext
    where carrier_accounts.account_id = excluded.account_id;
  return found;
end $$;
