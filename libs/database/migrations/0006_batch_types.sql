-- Rows that travel between functions in arrays: the hot path works on many at a time, one statement a step.

-- A text on its way from the gateway to a mailbox.
create type routing.incoming as (
  message_id uuid, account_id uuid, number_id uuid, contact_id uuid, channel text, bound_agent_id uuid, handle text
);

-- An answer on its way from a turn to the outbox. reply_streak null: fenced, it never leaves.
create type messaging.answer as (
  account_id uuid, session_id uuid, contact_id uuid, turn_id uuid, epoch integer, order_seq bigint, message_ids uuid[],
  parts jsonb, hops jsonb, reply_streak integer
);
