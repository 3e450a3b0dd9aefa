-- Hands out what is due by REST, at most p_limit, in the order of each session. Returns {sends: [...], alerts: [...]}.
create or replace function messaging.claim_due(p_limit integer, p_now timestamptz) returns jsonb
language plpgsql as $$
declare
  v_outbox messaging.outbox[] := array(
    select o from messaging.outbox o
    where o.state = 'ready' and o.due_at <= p_now and not exists (select from messaging.blockers(o.session_id, o.order_seq, o.part))
    order by o.due_at, o.message_id limit p_limit for update skip locked);
  v_decisions messaging.send_decisions[];
  v_sends jsonb;
  v_alerts jsonb;
begin
  if v_outbox = '{}' then return '{"sends": [], "alerts": []}'; end if;
  v_decisions := array(select d from messaging.decide_send(v_outbox, p_now) d);
  select coalesce(jsonb_agg(messaging.send_json(m, o) || jsonb_build_object('handed_at', p_now)), '[]') into v_sends
  from messaging.hand_out(v_decisions, 'rest', p_now) m join unnest(v_outbox) o on o.message_id = m.id;
  select coalesce(jsonb_agg(x.alert) filter (where x.alert is not null), '[]') into v_alerts
  from (select messaging.refuse(d, p_now) as alert from unnest(v_decisions) d where d.verdict <> 'allow' order by d.rule) x;
  return jsonb_build_object('sends', v_sends, 'alerts', v_alerts);
end $$;

-- What the carrier needs to send a message, and what it takes to find it there again.
create or replace function messaging.send_json(m messaging.message_history, o messaging.outbox) returns jsonb
language sql stable as $$
  select jsonb_build_object('message_id', m.id, 'account_id', m.account_id, 'channel', m.channel, 'body', m.body,
    'media_urls', coalesce((select jsonb_agg(x -> 'url') from jsonb_array_elements(m.media) x), '[]'),
    'from', (select phone_number from messaging.phone_numbers where id = m.number_id),
    'to', (select phone from messaging.contacts where id = m.contact_id),
    'attempts', o.attempts, 'handed_at', o.handed_at, 'handed_via', m.handed_via)
$$;

create or replace function messaging.status_rank(p_status text) returns integer
language sql immutable parallel safe as $$
  select case p_status
    when 'pending' then 0 when 'handed_out' then 1
    when 'accepted' then 2 when 'scheduled' then 2 when 'queued' then 3 when 'sending' then 4 when 'sent' then 5
    -- final words: the first one stays, except that what was delivered may be read
    when 'delivered' then 10 when 'undelivered' then 10 when 'failed' then 10 when 'canceled' then 10 when 'fenced' then 10 when 'refused' then 10
    when 'read' then 11
    else 0 end
$$;

-- What the carrier says of a message of ours: callback, REST answer or look-up, in any order and any number of times.
-- p_account: whose signature the callback carries; another account's message is as unknown as none. null: we asked ourselves.
-- Returns {known, frees, alert}: frees: another answer of the session may have waited for this one.
drop function if exists messaging.record_receipt(uuid, text, text, text, timestamptz);
create or replace function messaging.record_receipt(p_id uuid, p_sid text, p_status text, p_error_code text, p_now timestamptz, p_account uuid default null) returns jsonb
language plpgsql as $$
declare
  m messaging.message_history;
  c messaging.contacts;
  v_session uuid;
  v_frees boolean;
  v_is_news boolean;
begin
  delete from messaging.outbox where message_id = p_id and account_id = coalesce(p_account, account_id) returning session_id into v_session;
  v_frees := exists (select from messaging.outbox where session_id = v_session);
  select * into m from messaging.message_history where id = p_id and direction = 'outbound' and account_id = coalesce(p_account, account_id) for no key update;
  if not found then return jsonb_build_object('known', false); end if;
  if m.message_sid is not null and m.message_sid <> p_sid then
    return jsonb_build_object('known', true, 'frees', v_frees, 'alert',
      analytics.raise_alert(m.account_id, 'message_sent_twice', 'critical', m.id::text, jsonb_build_object('sids', jsonb_build_array(m.message_sid, p_sid)), p_now));
  end if;
  v_is_news := messaging.status_rank(p_status) > messaging.status_rank(m.status)
    and (messaging.status_rank(m.status) < 10 or (m.status = 'delivered' and p_status = 'read'));
  update messaging.message_history set
    message_sid = p_sid,
    status = case when v_is_news then p_status else status end,
    error_code = coalesce(error_code, p_error_code),
    transmission_path = transmission_path || jsonb_build_array(jsonb_strip_nulls(jsonb_build_object('hop', p_status, 'at', p_now, 'by', 'carrier', 'error_code', p_error_code)))
  where id = p_id and (v_is_news or message_sid is null or (error_code is null and p_error_code is not null));
  -- The carrier knows of an opt-out that we do not.
  if p_error_code = '21610' then
    select * into c from messaging.contacts where id = m.contact_id for no key update;
    if not 'all' = any (c.suppressed) then
      perform messaging.opt_out(c, 'carrier_error', '', m.id, p_now);
    end if;
  end if;
  return jsonb_build_object('known', true, 'frees', v_frees);
end $$;

-- The carrier refused for good: no sid, a final word.
create or replace function messaging.record_refusal(p_id uuid, p_error_code text, p_now timestamptz) returns jsonb
language plpgsql as $$
declare
  m messaging.message_history;
  c messaging.contacts;
begin
  delete from messaging.outbox where message_id = p_id;
  update messaging.message_history set status = 'failed', error_code = coalesce(error_code, p_error_code),
    transmission_path = transmission_path || jsonb_build_array(jsonb_build_object('hop', 'failed', 'at', p_now, 'by', 'carrier', 'error_code', p_error_code))
  where id = p_id and messaging.status_rank(status) < 10 returning * into m;
  if not found then return null; end if;
  if p_error_code = '21610' then
    select * into c from messaging.contacts where id = m.contact_id for no key update;
    if not 'all' = any (c.suppressed) then perform messaging.opt_out(c, 'carrier_error', '', m.id, p_now); end if;
    return null;
  end if;
  return analytics.raise_alert(m.account_id, 'send_failed', 'warning', p_error_code, jsonb_build_object('message_id', p_id), p_now);
end $$;

-- The carrier certainly did not take it: it is due again after a pause. p_handed_at: the hand-out of which that is known
-- (a slow look-up must not repeat a newer one); null: whichever is the last.
drop function if exists messaging.requeue(uuid, timestamptz);
create or replace function messaging.requeue(p_id uuid, p_due_at timestamptz, p_handed_at timestamptz default null) returns void
language sql as $$
  update messaging.outbox set state = 'ready', due_at = p_due_at, handed_at = null, checked_at = null, is_written = false
  where message_id = p_id and state <> 'ready' and (p_handed_at is null or handed_at = p_handed_at);
$$;

-- The call that handed it out is over and its outcome unknown: the reconciler need not wait for its full age.
create or replace function messaging.look_up_at(p_id uuid, p_at timestamptz) returns void
language sql as $$
  update messaging.outbox set handed_at = p_at - interval '15 seconds' where message_id = p_id and state = 'sending'
$$;

-- What was handed out longer ago than p_age and has no receipt: to be looked up at the carrier before anything else. The
-- gateway of a TwiML that is not written 5 s after its offer has ended is dead.
create or replace function messaging.claim_unsettled(p_limit integer, p_age interval, p_now timestamptz) returns jsonb
language sql as $$
  with claimed as (
    update messaging.outbox o set checked_at = p_now
    from (select message_id from messaging.outbox
          where state in ('sending', 'twiml')
            and (handed_at <= p_now - p_age or state = 'twiml' and not is_written and greatest(handed_at, due_at) <= p_now - interval '5 seconds')
            and (checked_at is null or checked_at <= p_now - interval '5 seconds')
          order by handed_at limit p_limit for update skip locked) x
    where o.message_id = x.message_id returning o.*
  )
  select coalesce(jsonb_agg(messaging.send_json(m, c::messaging.outbox)), '[]')
  from claimed c cross join lateral (select * from messaging.message_history where id = c.message_id offset 0) m
$$;

-- Which of these carrier ids belong to messages that we know already.
create or replace function messaging.known_sids(p_account uuid, p_phone text, p_sids text[]) returns setof text
language sql stable as $$
  select m.message_sid from messaging.message_history m
  where m.contact_id = (select c.id from messaging.contacts c where c.account_id = p_account and c.phone = p_phone) and m.message_sid = any (p_sids)
$$;

-- A message that nobody asked for: stored, judged, and due at once if the gate lets it pass.
-- Returns {outcome: accepted | refused | number_not_found, message_id, status, decision, alert}.
create or replace function messaging.create_outbound(p_account uuid, p_message jsonb, p_now timestamptz) returns jsonb
language plpgsql as $$
declare
  n messaging.phone_numbers;
  c messaging.contacts;
  o messaging.outbox;
  d messaging.send_decisions;
  v_id uuid := uuidv7();
  v_session uuid;
  v_part jsonb;
  v_n integer := 0;
  v_part_id uuid;
  v_alert jsonb;
begin
  select * into n from messaging.phone_numbers where phone_number = p_message ->> 'from' and account_id = p_account and released_at is null;
  if not found then return jsonb_build_object('outcome', 'number_not_found'); end if;
  c := messaging.open_contact(p_account, p_message ->> 'to');
  v_session := routing.live_session_of(n.id, c.id, p_message ->> 'channel');
  for v_part in select x from jsonb_array_elements(p_message -> 'parts') x loop
    v_n := v_n + 1;
    v_part_id := case when v_n = 1 then v_id else uuidv7() end;
    insert into messaging.message_history (id, account_id, session_id, contact_id, number_id, direction, channel, body, media, segments, encoding, status,
      transmission_path, traceparent, created_at, purpose, part, parts)
    values (v_part_id, p_account, v_session, c.id, n.id, 'outbound', p_message ->> 'channel', v_part ->> 'body',
      case when v_n = 1 then nullif(p_message -> 'media', 'null') end, (v_part ->> 'segments')::smallint, v_part ->> 'encoding', 'pending',
      jsonb_build_array(jsonb_build_object('hop', 'stored', 'at', p_now, 'by', 'sms-gateway')), p_message ->> 'traceparent', p_now,
      p_message ->> 'purpose', v_n, jsonb_array_length(p_message -> 'parts'));
    -- Parts keep their order by hanging on the message's own id as if it were a session.
    insert into messaging.outbox (message_id, account_id, session_id, contact_id, purpose, order_seq, part, due_at)
    values (v_part_id, p_account, v_id, c.id, p_message ->> 'purpose', 1, v_n, p_now) returning * into o;
    select * into d from messaging.decide_send(array[o], p_now);
    if d.verdict = 'refuse' then
      v_alert := messaging.refuse(d, p_now);
      -- Half a message is worse than none.
      update messaging.message_history m set status = 'refused', decision_id = d.id
      from messaging.outbox x where x.session_id = v_id and m.id = x.message_id;
      delete from messaging.outbox where session_id = v_id;
      exit;
    end if;
  end loop;
  return jsonb_build_object('outcome', case d.verdict when 'refuse' then 'refused' else 'accepted' end, 'message_id', v_id,
    'status', case d.verdict when 'refuse' then 'refused' else 'pending' end, 'alert', v_alert,
    'decision', jsonb_build_object('decision_id', d.id, 'verdict', d.verdict, 'rule', d.rule));
end $$;
