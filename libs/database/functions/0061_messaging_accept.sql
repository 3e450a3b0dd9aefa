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

-- Published to routing: an opt-out of these contacts waits until the caller has committed, or the caller for it.
create or replace function messaging.hold_contacts(p_contacts uuid[]) returns void
language sql as $$ select from messaging.contacts where id = any (p_contacts) order by id for share $$;

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

-- Stores inbound texts and does all that belongs to them. Each of p_texts:
-- {account_id, account_sid, message_sid, from, to, channel, body, media, segments, encoding, fields, waiter, offer_until,
--  handle, traceparent, received_at}, and for a text that is about the channel itself also
-- {intent: opt_out | opt_in | opt_in_if_out | help, intent_source, is_answered_by_carrier}. A batch with such a text is
-- taken one by one, in its order: faster is to send it alone.
-- p_written: answers that went out on their sockets meanwhile, see `mark_written`; what follows them may go then.
-- Returns for each, in order, {outcome: accepted | duplicate | number_not_found, message_id, session_id, ring, lease_token, is_decided}.
drop function if exists messaging.accept_inbound(jsonb, timestamptz);
create or replace function messaging.accept_inbound(p_texts jsonb, p_now timestamptz, p_written uuid[] default '{}') returns setof jsonb
language plpgsql as $$
declare
  v_numbers uuid[];
  v_agents uuid[];
  v_ids uuid[];
  v_new uuid[];
  v_intent text := p_texts -> 0 ->> 'intent';
  v_contacts uuid[];
  v_out uuid[];
  v_late uuid[];
  v_boxes routing.received[] := '{}';
  v_is_fenced boolean;
  v_answer uuid;
  v_text jsonb;
  v_billed bigint;
begin
  if p_written <> '{}' then
    -- Before all other locks: who has an outbox row may wait for a session.
    update messaging.outbox set is_written = true where message_id = any (p_written) and state = 'twiml';
  end if;
  if jsonb_array_length(p_texts) > 1 and p_texts @? '$[*].intent ? (@ != null)' then
    for v_text in select t from jsonb_array_elements(p_texts) with ordinality x(t, i) order by i loop
      return query select messaging.accept_inbound(jsonb_build_array(v_text), p_now);
    end loop;
    return;
  end if;

  -- By position: the number, if it is one of the account whose signature the webhook carries, and the contact.
  select array_agg(n.id order by i), array_agg(n.agent_id order by i), array_agg(case when n.id is not null then uuidv7() end order by i),
    array_agg(c.id order by i), coalesce(array_agg(c.id) filter (where 'all' = any (c.suppressed)), '{}')
  into v_numbers, v_agents, v_ids, v_contacts, v_out
  from jsonb_array_elements(p_texts) with ordinality x(t, i)
  left join lateral (select id, agent_id from messaging.phone_numbers
                     where phone_number = t ->> 'to' and released_at is null and account_id = (t ->> 'account_id')::uuid offset 0) n on true
  left join lateral (select id, suppressed from messaging.contacts where account_id = (t ->> 'account_id')::uuid and phone = t ->> 'from' offset 0) c on true;

  -- The dedupe: one row a carrier id. Whoever comes second, in this batch or another, adds nothing.
  with taken as (
    insert into messaging.inbound_receipts (account_sid, message_sid, message_id)
    select t ->> 'account_sid', t ->> 'message_sid', v_ids[i] from jsonb_array_elements(p_texts) with ordinality x(t, i)
    where v_ids[i] is not null order by 1, 2 on conflict do nothing returning message_id
  )
  select array_agg(message_id) into v_new from taken;

  if v_new is not null then
    if array_position(v_contacts, null) is not null then
      insert into messaging.contacts (account_id, phone)
      select distinct (t ->> 'account_id')::uuid, t ->> 'from' from jsonb_array_elements(p_texts) with ordinality x(t, i)
      where v_ids[i] = any (v_new) and v_contacts[i] is null
      order by 2 on conflict do nothing;
      -- One that another made meanwhile may be opted out already.
      select array_agg(c.id order by i), coalesce(array_agg(c.id) filter (where 'all' = any (c.suppressed)), '{}') into v_contacts, v_out
      from jsonb_array_elements(p_texts) with ordinality x(t, i)
      left join lateral (select id, suppressed from messaging.contacts where account_id = (t ->> 'account_id')::uuid and phone = t ->> 'from' offset 0) c on true;
    end if;

    if v_intent is not null then
      v_intent := messaging.obey(v_contacts[1], v_intent, p_texts -> 0, v_ids[1], p_now);
    end if;
    if v_intent is null then
      select coalesce(array_agg(r), '{}'), bool_or(r.epoch > 0 or r.seq = 1) into v_boxes, v_is_fenced
      from routing.receive_texts(array(
        select (v_ids[i], t ->> 'account_id', v_numbers[i], v_contacts[i], t ->> 'channel', v_agents[i], t ->> 'handle')::routing.incoming
        from jsonb_array_elements(p_texts) with ordinality x(t, i)
        where v_ids[i] = any (v_new) and v_contacts[i] <> all (v_out) order by i), p_now) r;
      -- An opt-out may have committed while we waited for a session: its fence came first, so the epoch is not 0 or the
      -- session is new.
      if v_is_fenced then
        v_late := array(select id from messaging.contacts where id = any (v_contacts) and 'all' = any (suppressed));
        if v_late <> '{}' then
          v_out := v_out || v_late;
          -- Only the sessions that are ours already: the opt-out has fenced the contact's others, and their locks are not in order.
          perform routing.fence_session(x.session_id, p_now, x.lease_token is null) from (
            select distinct b.session_id, b.lease_token from unnest(v_boxes) b where v_contacts[array_position(v_ids, b.message_id)] = any (v_out)) x;
        end if;
      end if;
    end if;
    if v_intent in ('opt_out', 'opt_in', 'help') and not coalesce((p_texts -> 0 ->> 'is_answered_by_carrier')::boolean, false) then
      v_answer := uuidv7();
    end if;

    with arrived as (
      select v_ids[i] as id, v_contacts[i] as contact_id, t, v_numbers[i] as number_id, (t ->> 'account_id')::uuid as account_id, b.session_id, b.seq,
        case when v_intent is not null then 'handled'
             when v_contacts[i] = any (v_out) or b.is_held then 'held' else 'waiting' end as status
      from jsonb_array_elements(p_texts) with ordinality x(t, i) left join unnest(v_boxes) b on b.message_id = v_ids[i]
      where v_ids[i] = any (v_new)
    ), stored as (
    insert into messaging.message_history (id, account_id, session_id, contact_id, number_id, direction, channel, body, media, segments, encoding, status,
      message_sid, transmission_path, traceparent, created_at, seq, carrier_fields, waiter, offer_until, answer_id)
    select id, account_id, session_id, contact_id, number_id, 'inbound', t ->> 'channel', t ->> 'body', nullif(t -> 'media', 'null'),
      (t ->> 'segments')::smallint, t ->> 'encoding', status, t ->> 'message_sid',
      jsonb_build_array(
        jsonb_build_object('hop', 'received', 'at', t -> 'received_at', 'by', 'sms-gateway'),
        jsonb_build_object('hop', 'stored', 'at', p_now, 'by', 'postgres')),
      t ->> 'traceparent', p_now, seq, t -> 'fields', t ->> 'waiter', (t ->> 'offer_until')::timestamptz, v_answer
    from arrived
    returning id, account_id, segments
    )
    select billing.append_usage(array_agg(account_id), array_agg(id), array_agg('inbound_segment'::text), array_agg(segments::bigint), p_now) into v_billed from stored;
    if v_answer is not null then
      perform messaging.store_confirmation(v_answer, v_ids[1], v_intent, p_now);
    end if;
  end if;

  return query
    select case
      when v_ids[i] is null then jsonb_build_object('outcome', 'number_not_found')
      when v_ids[i] = any (v_new) then jsonb_build_object('outcome', 'accepted', 'message_id', v_ids[i], 'session_id', b.session_id,
        'ring', coalesce(b.rings, false) and v_contacts[i] <> all (v_out), 'lease_token', b.lease_token,
        'is_decided', v_intent is not null or coalesce(v_contacts[i] = any (v_out), false) or coalesce(b.is_held, false))
      else jsonb_build_object('outcome', 'duplicate', 'message_id',
        (select r.message_id from messaging.inbound_receipts r where r.account_sid = t ->> 'account_sid' and r.message_sid = t ->> 'message_sid'))
      end
    from jsonb_array_elements(p_texts) with ordinality x(t, i) left join unnest(v_boxes) b on b.message_id = v_ids[i] order by i;
end $$;

-- A text about the channel itself takes effect at once. Returns what was obeyed, `quiet_opt_out` for a second opt-out in a row
-- (it is confirmed once), or null: the text is an ordinary one after all.
create or replace function messaging.obey(p_contact uuid, p_intent text, p_text jsonb, p_message uuid, p_now timestamptz) returns text
language plpgsql as $$
declare
  c messaging.contacts;
  v_is_out boolean;
begin
  select * into c from messaging.contacts where id = p_contact for no key update;
  v_is_out := 'all' = any (c.suppressed);
  if p_intent = 'opt_out' then
    perform messaging.opt_out(c, p_text ->> 'intent_source', p_text ->> 'body', p_message, p_now);
    return case when v_is_out then 'quiet_opt_out' else 'opt_out' end;
  elsif p_intent = 'opt_in' or (p_intent = 'opt_in_if_out' and v_is_out) then
    perform messaging.opt_in(c, p_text ->> 'intent_source', p_text ->> 'body', p_message, p_now);
    return 'opt_in';
  elsif p_intent = 'help' then
    return 'help';
  end if;
  return null;
end $$;

-- Our own words after a keyword, ready for the webhook that waits.
create or replace function messaging.store_confirmation(p_id uuid, p_text_id uuid, p_kind text, p_now timestamptz) returns void
language plpgsql as $$
declare m messaging.message_history;
begin
  select * into m from messaging.message_history where id = p_text_id;
  insert into messaging.message_history (id, account_id, contact_id, number_id, direction, channel, body, status, purpose, in_reply_to, part, parts, traceparent, created_at)
  values (p_id, m.account_id, m.contact_id, m.number_id, 'outbound', m.channel, security.account_text(m.account_id, p_kind), 'pending', 'confirmation', m.id, 1, 1, m.traceparent, p_now);
  insert into messaging.outbox (message_id, account_id, contact_id, in_reply_to, purpose, due_at)
  values (p_id, m.account_id, m.contact_id, m.id, 'confirmation', greatest(p_now, m.offer_until));
end $$;

-- Published to mcp-adapter: a text given by POST /mcp/chat joins the session's mailbox. Its answer goes to the caller only.
create or replace function messaging.accept_chat(p_session uuid, p_account uuid, p_number uuid, p_contact uuid, p_seq bigint, p_id uuid, p_body text, p_traceparent text, p_now timestamptz) returns void
language sql as $$
  insert into messaging.message_history (id, account_id, session_id, contact_id, number_id, direction, channel, body, status, transmission_path, traceparent, created_at, seq)
  values (p_id, p_account, p_session, p_contact, p_number, 'inbound', 'api', p_body, 'waiting',
    jsonb_build_array(jsonb_build_object('hop', 'received', 'at', p_now, 'by', 'mcp-adapter')), p_traceparent, p_now, p_seq)
$$;
