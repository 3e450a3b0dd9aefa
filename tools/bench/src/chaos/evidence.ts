import type { SentText } from './load.js';
import type { InboxMessage, TwinEvent } from './twin.client.js';

/** One step of a message's way, as the product wrote it down. */
export interface Hop {
  hop: string;
  at: string;
  by: string;
}

/** Times are in milliseconds since 1970. */
export interface StoredText {
  id: string;
  message_sid: string;
  session_id: string | null;
  seq: number | null;
  status: string;
  turn_id: string | null;
  at: number;
  /** When the gateway's code saw it. */
  received_at: number;
  path: unknown;
}

export interface StoredAnswer {
  id: string;
  message_sid: string | null;
  session_id: string | null;
  turn_id: string | null;
  in_reply_to: string | null;
  part: number;
  status: string;
  handed_via: string | null;
  handed_at: number[];
  path: readonly Hop[];
}

export interface StoredTurn {
  id: string;
  session_id: string;
  status: string;
  attempts: number;
  message_ids: string[];
}

/** Something that was done to the run. `until`: when it was over (healed, restarted and ready); null: never. */
export interface Happened {
  kind: 'kill' | 'flush' | 'agent' | 'carrier';
  name: string;
  what: string;
  at: number;
  until: number | null;
  /** Of a killed adapter: the texts of the turns that it ran at that moment. Null: the database could not be asked. */
  runningTexts?: string[] | null;
}

/** Everything that the audit judges by. */
export interface Evidence {
  sent: readonly SentText[];
  reposted: readonly string[];
  log: readonly TwinEvent[];
  /** All phones' messages, in the order in which they were received. */
  inbox: readonly InboxMessage[];
  texts: readonly StoredText[];
  answers: readonly StoredAnswer[];
  turns: readonly StoredTurn[];
  happened: readonly Happened[];
  /** Our messages for which the carrier has told of a second id. */
  sentTwice: readonly string[];
  apology: string;
}

/** An invariant of the database that does not hold. */
export interface Breach {
  invariant: string;
  count: number;
  samples: string[];
}
