-- How a running turn ended, on its way to its session and its texts. status: answered | apologised. reason: why it was
-- closed without an answer.
create type routing.turn_end as (
  session_id uuid, turn_id uuid, status text, parts jsonb, state jsonb, hops jsonb, reason text
);

-- Functions that return sets and stand in FROM become part of the calling statement; a call for each row cost more than
-- what it looked up.
drop function if exists registry.routing_of(uuid);
drop function if exists messaging.leading_texts(uuid[], integer);
drop function if exists messaging.history(uuid, uuid, timestamptz);
drop function if exists messaging.is_blocked(messaging.outbox);
drop function if exists routing.claim_turn(uuid, timestamptz, interval);
drop function if exists routing.finish_turn(routing.agent_sessions, bigint, jsonb, timestamptz);
drop function if exists routing.claim_turns(uuid[], timestamptz, interval);
drop function if exists routing.hold_epochs(uuid[]);
