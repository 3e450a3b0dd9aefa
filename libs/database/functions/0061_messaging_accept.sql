-- The contact of a phone, made at the first sight.
create or replace function messaging.open_contact(p_account uuid, p_phone text) returns messaging.contacts
language plpgsql as $$
declare c messaging.contacts;
begin
  select * into c from messaging.contacts where account_id = p_account and phone = p_phone;
  if not found then
    insert into messaging.contacts (account_id, phone) values (p_account, p_phone) on conflict do nothing;
    select * into c from messaging.contacts where account_id = p_account and phone = p_phone;
  end if;
  return c;
end $$;

-- Suppresses a contact and fences its sessions, in one transaction with whatever made us do it.
create or replace function messaging.opt_out(c messaging.contacts, p_source text, p_text text, p_message uuid, p_now timestamptz) returns void
language plpgsql as $$
declare v_id uuid;
begin
  update messaging.contacts set suppressed = '{all}' where id = c.id;
  insert into messaging.consents (account_id, contact_id, action, source, exact_text, message_id, at)
  values (c.account_id, c.id, 'opt_out', p_source, p_text, p_message, p_now);
  foreach v_id in array routing.fence_contact(c.id, p_now) loop
    update messaging.message_history set status = 'closed',
      transmission_path = transmission_path || jsonb_build_array(jsonb_build_object('hop', 'closed', 'at', p_now, 'by', 'sms-gateway', 'reason', 'opt_out'))
    where id = v_id and status = 'waiting';
  end loop;
end $$;

create or replace function messaging.opt_in(c messaging.contacts, p_source text, p_text text, p_message uuid, p_now timestamptz) returns void
language plpgsql as $$
begin
  update messaging.contacts set suppressed = '{}' where id = c.id;
  insert into messaging.consents (account_id, contact_id, action, source, exact_text, message_id, at)
  values (c.account_id, c.id, 'opt_in', p_source, p_text, p_message, p_now);
end $$;

-- Stores one inbound text and does all that belongs to it, in one statement. Everything p_text names:
-- {account_id, account_sid, message_sid, from, to, channel, body, media, segments, encoding, fields, intent, intent_source,
--  is_answered_by_carrier, waiter, offer_until, handle, traceparent, received_at}
-- Returns {outcome: accepted | duplicate | number_not_found, message_id, session_id, ring, is_decided}.
create or replace function messaging.accept_inbound(p_text jsonb, p_now timestamptz) returns jsonb
language plpgsql as $$
declare
  n messaging.phone_numbers;
  c messaging.contacts;
  v_id uuid := uuidv7();
  v_known uuid;
  v_intent text := p_text ->> 'intent';
  v_status text := 'waiting';
  v_mailbox jsonb;
  v_answer uuid;
  v_is_out boolean;
  v_confirmation text;
begin
  select * into n from messaging.phone_numbers
  where phone_number = p_text ->> 'to' and released_at is null and account_id = (p_text ->> 'account_id')::uuid;
  if not found then return jsonb_build_object('outcome', 'number_not_found'); end if;

  insert into messaging.inbound_receipts (account_sid, message_sid, message_id)
  values (p_text ->> 'account_sid', p_text ->> 'message_sid', v_id) on conflict do nothing;
  if not found then
    select message_id into v_known from messaging.inbound_receipts where account_sid = p_text ->> 'account_sid' and message_sid = p_text ->> 'message_sid';
    return jsonb_build_object('outcome', 'duplicate', 'message_id', v_known);
  end if;

  c := messaging.open_contact(n.account_id, p_text ->> 'from');
  if v_intent is not null then
    -- A keyword changes the contact: decide on its newest state.
    select * into c from messaging.contacts where id = c.id for no key update;
  end if;
  v_is_out := 'all' = any (c.suppressed);
  if v_intent = 'opt_in_if_out' then v_intent := case when v_is_out then 'opt_in' end; end if;

  if v_intent = 'opt_out' then
    perform messaging.opt_out(c, p_text ->> 'intent_source', p_text ->> 'body', v_id, p_now);
    v_status := 'handled';
    if not v_is_out then v_confirmation := 'opt_out'; end if;
  elsif v_intent = 'opt_in' then
    perform messaging.opt_in(c, p_text ->> 'intent_source', p_text ->> 'body', v_id, p_now);
    v_status := 'handled';
    v_confirmation := 'opt_in';
  elsif v_intent = 'help' then
    v_status := 'handled';
    v_confirmation := 'help';
  elsif v_is_out then
    v_status := 'held';
  else
    v_mailbox := routing.receive_text(n.account_id, n.id, c.id, p_text ->> 'channel', n.agent_id, p_text ->> 'handle', v_id, p_now);
    if (v_mailbox ->> 'held')::boolean then v_status := 'held'; end if;
    -- An opt-out may have committed while we waited for the session: its fence came first (so the epoch is not 0), and
    -- this text is not run.
    if (v_mailbox ->> 'epoch')::integer > 0 and (select 'all' = any (suppressed) from messaging.contacts where id = c.id) then
      perform routing.fence_session((v_mailbox ->> 'session_id')::uuid, p_now);
      v_status := 'held';
    end if;
  end if;

  -- When the carrier knows the word it has answered already: no reply of ours.
  if v_confirmation is not null and not coalesce((p_text ->> 'is_answered_by_carrier')::boolean, false) then
    v_answer := uuidv7();
  end if;
  insert into messaging.message_history (id, account_id, session_id, contact_id, number_id, direction, channel, body, media, segments, encoding, status,
    message_sid, transmission_path, traceparent, created_at, seq, carrier_fields, waiter, offer_until, answer_id)
  values (v_id, n.account_id, (v_mailbox ->> 'session_id')::uuid, c.id, n.id, 'inbound', p_text ->> 'channel', p_text ->> 'body',
    nullif(p_text -> 'media', 'null'), (p_text ->> 'segments')::smallint, p_text ->> 'encoding', v_status, p_text ->> 'message_sid',
    jsonb_build_array(
      jsonb_build_object('hop', 'received', 'at', p_text -> 'received_at', 'by', 'sms-gateway'),
      jsonb_build_object('hop', 'stored', 'at', p_now, 'by', 'postgres')),
    p_text ->> 'traceparent', p_now, (v_mailbox ->> 'seq')::bigint, p_text -> 'fields', p_text ->> 'waiter', (p_text ->> 'offer_until')::timestamptz, v_answer);
  perform billing.append_usage(n.account_id, v_id, 'inbound_segment', (p_text ->> 'segments')::bigint, p_now);

  if v_answer is not null then
    insert into messaging.message_history (id, account_id, contact_id, number_id, direction, channel, body, status, purpose, in_reply_to, part, parts, traceparent, created_at)
    values (v_answer, n.account_id, c.id, n.id, 'outbound', p_text ->> 'channel', security.account_text(n.account_id, v_confirmation),
      'pending', 'confirmation', v_id, 1, 1, p_text ->> 'traceparent', p_now);
    insert into messaging.outbox (message_id, account_id, contact_id, in_reply_to, purpose, due_at)
    values (v_answer, n.account_id, c.id, v_id, 'confirmation', greatest(p_now, (p_text ->> 'offer_until')::timestamptz));
  end if;

  return jsonb_build_object('outcome', 'accepted', 'message_id', v_id, 'session_id', v_mailbox -> 'session_id',
    'ring', v_status = 'waiting' and (v_mailbox ->> 'ring')::boolean, 'is_decided', v_status <> 'waiting');
end $$;

-- Several at once, in the order given: one round trip and one commit. Sessions are locked first, in id order.
create or replace function messaging.accept_texts(p_texts jsonb, p_now timestamptz) returns setof jsonb
language plpgsql as $$
declare v_text jsonb;
begin
  if jsonb_array_length(p_texts) > 1 then
    perform routing.lock_sessions_of(array(
      select c.id from jsonb_array_elements(p_texts) x join messaging.contacts c
        on c.account_id = (x ->> 'account_id')::uuid and c.phone = x ->> 'from'));
  end if;
  for v_text in select x from jsonb_array_elements(p_texts) with ordinality u(x, n) order by n loop
    return next messaging.accept_inbound(v_text, p_now);
  end loop;
end $$;

-- Published to mcp-adapter: a text given by POST /mcp/chat joins the session's mailbox. Its answer goes to the caller only.
create or replace function messaging.accept_chat(p_session uuid, p_account uuid, p_number uuid, p_contact uuid, p_seq bigint, p_id uuid, p_body text, p_traceparent text, p_now timestamptz) returns void
language sql as $$
  insert into messaging.message_history (id, account_id, session_id, contact_id, number_id, direction, channel, body, status, transmission_path, traceparent, created_at, seq)
  values (p_id, p_account, p_session, p_contact, p_number, 'inbound', 'api', p_body, 'waiting',
    jsonb_build_array(jsonb_build_object('hop', 'received', 'at', p_now, 'by', 'mcp-adapter')), p_traceparent, p_now, p_seq)
$$;
