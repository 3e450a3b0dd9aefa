-- Carrier credentials of an account; the default account may use the environment's instead.
create table messaging.carrier_accounts (
  account_sid text primary key,
  account_id uuid not null references security.accounts,
  auth_token_ciphertext text not null,
  created_at timestamptz not null default now()
);
create index carrier_accounts_account on messaging.carrier_accounts (account_id);

create table messaging.phone_numbers (
  id uuid primary key default uuidv7(),
  account_id uuid not null references security.accounts,
  phone_number text not null check (phone_number ~ '^\+[1-9][0-9]{1,14}$' or phone_number ~ '^[0-9]{3,8}$'),
  agent_id uuid,
  created_at timestamptz not null default now(),
  released_at timestamptz
);
create unique index phone_numbers_in_use on messaging.phone_numbers (phone_number) where released_at is null;
create index phone_numbers_account on messaging.phone_numbers (account_id, id);

create table messaging.contacts (
  -- Random, not time-ordered: agents see it as the pseudonym of the phone.
  id uuid primary key default gen_random_uuid(),
  account_id uuid not null references security.accounts,
  phone text not null,
  -- Purposes that must not be sent; 'all' after an opt-out.
  suppressed text[] not null default '{}',
  created_at timestamptz not null default now(),
  unique (account_id, phone)
);

-- The consent ledger: who said what, when, through which door. Rows are never changed.
create table messaging.consents (
  id uuid primary key default uuidv7(),
  account_id uuid not null references security.accounts,
  contact_id uuid not null references messaging.contacts,
  action text not null check (action in ('opt_out', 'opt_in')),
  purpose text not null default 'all',
  source text not null check (source in ('keyword', 'plain_language', 'carrier', 'carrier_error', 'api')),
  exact_text text not null,
  message_id uuid,
  at timestamptz not null
);
create index consents_contact on messaging.consents (contact_id, id);

-- One row per delivery id of the carrier: the dedupe key. Small rows, so that it can outlive the messages.
create table messaging.inbound_receipts (
  account_sid text not null,
  message_sid text not null,
  message_id uuid not null,
  primary key (account_sid, message_sid)
);

-- What the send gate decided, and by which rule.
create table messaging.send_decisions (
  id uuid primary key default uuidv7(),
  account_id uuid not null,
  message_id uuid not null,
  -- allow | defer (until) | refuse
  verdict text not null,
  rule text not null,
  detail text,
  defer_until timestamptz,
  decided_at timestamptz not null
);

create table messaging.message_history (
  id uuid primary key,
  account_id uuid not null,
  session_id uuid,
  contact_id uuid not null,
  number_id uuid not null,
  -- inbound | outbound
  direction text not null,
  -- sms | whatsapp | api. 'api': a text given by POST /mcp/chat, whose answer goes to its caller only.
  channel text not null,
  body text not null,
  media jsonb,
  segments smallint not null default 1,
  encoding text not null default 'GSM-7',
  status text not null,
  error_code text,
  message_sid text,
  turn_id uuid,
  transmission_path jsonb not null default '[]',
  traceparent text,
  created_at timestamptz not null,
  -- inbound
  seq bigint,
  carrier_fields jsonb,
  waiter text,
  -- The webhook holds the line until then; an answer that is ready earlier leaves as TwiML.
  offer_until timestamptz,
  -- The first part of the answer that belongs to this text; other texts of its turn have none.
  answer_id uuid,
  -- outbound
  purpose text,
  in_reply_to uuid,
  part smallint,
  parts smallint,
  -- twiml | rest
  handed_via text,
  decision_id uuid references messaging.send_decisions,
  -- Nothing is with the carrier without a decision of the gate.
  constraint no_send_without_decision check (direction = 'inbound' or handed_via is null or decision_id is not null)
) partition by range (id);
create index message_history_contact on messaging.message_history (contact_id, id);

-- Outbound messages that are not settled yet: no sid and no final word. Settled ones leave the table, so it stays small.
create table messaging.outbox (
  message_id uuid primary key,
  account_id uuid not null,
  session_id uuid,
  contact_id uuid not null,
  -- The text whose webhook may take it.
  in_reply_to uuid,
  purpose text not null,
  epoch integer,
  -- Answers leave a session in this order; null: no order to keep.
  order_seq bigint,
  part smallint not null default 1,
  reply_streak integer not null default 0,
  -- ready | twiml | sending
  state text not null default 'ready',
  due_at timestamptz not null,
  attempts smallint not null default 0,
  handed_at timestamptz,
  -- The TwiML went out on the socket; later answers need not wait for its receipt.
  is_written boolean not null default false,
  checked_at timestamptz
) with (fillfactor = 50);
create index outbox_in_reply_to on messaging.outbox (in_reply_to);
create index outbox_session on messaging.outbox (session_id, order_seq, part);

-- Patterns (POSIX, case-insensitive) that no message may contain. account_id null: for everyone.
create table messaging.content_rules (
  id uuid primary key default uuidv7(),
  account_id uuid references security.accounts,
  name text not null,
  pattern text not null
);
insert into messaging.content_rules (name, pattern) values
  -- Carriers filter shared link shorteners (Twilio error 30007).
  ('public_link_shortener', '\m(bit\.ly|tinyurl\.com|goo\.gl|t\.co|ow\.ly|is\.gd|buff\.ly|rebrand\.ly)/'),
  ('payment_card_number', '(^|[^0-9])(4[0-9]{3}|5[1-5][0-9]{2}|6011|3[47][0-9]{2})[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{3,4}($|[^0-9])'),
  ('social_security_number', '(^|[^0-9-])[0-9]{3}-[0-9]{2}-[0-9]{4}($|[^0-9-])');
