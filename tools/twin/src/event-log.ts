import { Ring } from './ring.js';

export type Happening =
  | { type: 'text.sent'; sid: string; from: string; to: string; body: string }
  | {
      type: 'webhook.answered';
      sid: string;
      attempt: number;
      is_duplicate: boolean;
      http_status: number;
      waited_ms: number;
      twiml_messages: number;
    }
  | { type: 'webhook.failed'; sid: string; attempt: number; is_duplicate: boolean; waited_ms: number; error: string }
  | { type: 'twiml.rejected'; sid: string; code: number; error: string }
  | {
      type: 'message.created';
      sid: string;
      direction: string;
      from: string;
      to: string;
      body: string;
      status_callback: string | null;
      in_reply_to_sid: string | null;
    }
  | { type: 'message.delivered'; sid: string; from: string; to: string; via: string }
  | { type: 'message.failed'; sid: string; status: string; error_code: number }
  | { type: 'rest.refused'; http_status: number; code: number; method: string; to: string | null }
  | { type: 'rest.dropped'; sid: string }
  | { type: 'callback.sent'; sid: string; status: string; attempt: number; http_status: number }
  | { type: 'callback.failed'; sid: string; status: string; attempt: number; error: string }
  | { type: 'callback.dropped'; sid: string; status: string };

/** `at` is in milliseconds since 1970. */
export type TwinEvent = { seq: number; at: number } & Happening;

const CAPACITY = 200_000;

/** Everything that happened at the carrier, in order, for an audit of "once, in order, not too late". */
export class EventLog {
  readonly #events = new Ring<TwinEvent>(CAPACITY);

  add(happening: Happening): void {
    this.#events.push({ seq: this.#events.lastSeq + 1, at: Date.now(), ...happening });
  }

  after(seq: number, limit?: number): TwinEvent[] {
    return this.#events.after(seq, limit);
  }

  get lastSeq(): number {
    return this.#events.lastSeq;
  }
}
