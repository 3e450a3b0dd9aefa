-- Published: billable units, one a source. The same source and kind twice is one unit. Returns how many are new.
drop function if exists billing.append_usage(uuid[], uuid[], text, bigint[], timestamptz);
create or replace function billing.append_usage(p_accounts uuid[], p_sources uuid[], p_kinds text[], p_quantities bigint[], p_at timestamptz) returns bigint
language sql as $$
  with added as (
    insert into billing.usage_ledger (source_id, kind, account_id, quantity, at)
    select source, kind, account, quantity, p_at from unnest(p_accounts, p_sources, p_kinds, p_quantities) x(account, source, kind, quantity)
    on conflict do nothing returning 1
  )
  select count(*) from added
$$;

-- Published: an alert; a second one on the same subject counts up until somebody resolves it.
create or replace function analytics.raise_alert(p_account uuid, p_kind text, p_severity text, p_subject text, p_details jsonb, p_at timestamptz) returns jsonb
language sql as $$
  insert into analytics.system_alerts (account_id, kind, severity, subject, details, first_at, last_at)
  values (p_account, p_kind, p_severity, p_subject, p_details, p_at, p_at)
  on conflict (account_id, kind, subject) where resolved_at is null
  do update set occurrences = system_alerts.occurrences + 1, last_at = excluded.last_at, details = excluded.details
  returning jsonb_build_object('alertId', id, 'kind', kind, 'severity', severity)
$$;

-- Published: what the alert was about is over.
create or replace function analytics.resolve_alert(p_account uuid, p_kind text, p_subject text, p_at timestamptz) returns void
language sql as $$
  update analytics.system_alerts set resolved_at = p_at where account_id = p_account and kind = p_kind and subject = p_subject and resolved_at is null
$$;
