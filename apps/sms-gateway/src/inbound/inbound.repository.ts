import { Injectable } from '@nestjs/common';
import { Batcher, Sql } from '@darkspere/database';
import type { Alert } from '@darkspere/platform';

/** See `messaging.accept_inbound`. */
export interface AcceptText {
  account_id: string;
  account_sid: string;
  message_sid: string;
  from: string;
  to: string;
  channel: string;
  body: string;
  media: unknown;
  segments: number;
  encoding: string;
  fields: Record<string, unknown>;
  intent: string | null;
  intent_source: string | null;
  is_answered_by_carrier: boolean;
  waiter: string;
  offer_until: Date;
  handle: string;
  traceparent: string;
  received_at: Date;
}

export type Accepted =
  | { outcome: 'number_not_found' }
  | { outcome: 'duplicate'; message_id: string }
  | { outcome: 'accepted'; message_id: string; session_id: string | null; ring: boolean; lease_token: string | null; is_decided: boolean };

/** See `messaging.take_reply`. */
export type Taken =
  { state: 'undecided' | 'blocked' } | { state: 'empty'; alert?: Alert | null } | { state: 'send'; answer_id: string; body: string };

/** Twilio gives up after 15 s: a database that is back sooner loses nothing. Both calls may run twice. */
const PATIENCE_MS = 8_000;

@Injectable()
export class InboundRepository {
  /** One commit under way: texts are stored in the order in which they came. */
  private readonly accepting = new Batcher<AcceptText, Accepted>(async (texts) => {
    const written = this.drainWritten();
    try {
      const args = [JSON.stringify(texts), new Date(), written];
      return await this.forTexts.values<Accepted>('messaging.accept_inbound', args, { patienceMs: PATIENCE_MS });
    } catch (error) {
      this.written.push(...written);
      throw error;
    }
  });
  private readonly taking = new Batcher<{ messageId: string; givesUp: boolean }, Taken>((items) => {
    const args = [items.map((item) => item.messageId), items.map((item) => item.givesUp), new Date()];
    return this.forReplies.values<Taken>('messaging.take_reply', args, { patienceMs: PATIENCE_MS });
  });
  private written: string[] = [];
  private readonly forTexts: Sql;
  private readonly forReplies: Sql;

  constructor(private readonly sql: Sql) {
    this.forTexts = sql.withOwnConnection();
    this.forReplies = sql.withOwnConnection();
  }

  accept(text: AcceptText): Promise<Accepted> {
    return this.accepting.run(text);
  }

  /** @param givesUp nobody waits any longer: what is not decided now leaves by REST. */
  takeReply(messageId: string, givesUp: boolean): Promise<Taken> {
    return this.taking.run({ messageId, givesUp });
  }

  /** The TwiML of an answer went out on its socket. Stored with the next texts, whose answers may wait for it, or by `storeWritten`. */
  noteWritten(answerId: string): void {
    this.written.push(answerId);
  }

  async storeWritten(): Promise<void> {
    const written = this.drainWritten();
    if (written.length > 0) await this.sql.value('messaging.mark_written', [written]);
  }

  /** Of turns that nobody could be told of: they may be claimed at once. */
  async releaseLeases(rings: { sessionId: string; leaseToken: string | null }[]): Promise<void> {
    const leased = rings.filter(({ leaseToken }) => leaseToken !== null);
    if (leased.length === 0) return;
    await this.sql.value('routing.release_leases', [leased.map(({ sessionId }) => sessionId), leased.map(({ leaseToken }) => leaseToken)]);
  }

  private drainWritten(): string[] {
    const written = this.written;
    this.written = [];
    return written;
  }
}
