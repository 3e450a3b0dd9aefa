-- A turn is leased with its text and its answer handed out with its end: one transaction each, and the steps between read.

-- What became of a text in its mailbox.
create type routing.received as (
  message_id uuid, session_id uuid, seq bigint, epoch integer, rings boolean, lease_token uuid, is_held boolean
);

drop function if exists billing.append_usage(uuid[], uuid[], text, bigint[], timestamptz);
drop function if exists messaging.take_reply(uuid[], boolean[], timestamptz, uuid[]);
drop function if exists messaging.accept_inbound(jsonb, timestamptz);
drop function if exists routing.receive_texts(routing.incoming[], timestamptz);
drop function if exists routing.fence_session(uuid, timestamptz);
drop function if exists routing.claim_turns(uuid[], timestamptz, interval);
