-- A turn is leased with its text and its answer handed out with its end: one transaction each, and the steps between read.

-- What became of a text in its mailbox.
create type routing.received as (
  message_id uuid, session_id uuid, seq bigint, epoch integer, rings boolean, lease_token uuid, is_held boolean
);
