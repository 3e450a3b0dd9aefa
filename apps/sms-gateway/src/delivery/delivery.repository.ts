import { Injectable } from '@nestjs/common';
import { Sql } from '@darkspere/database';
import type { Alert } from '@darkspere/platform';

/** See `messaging.record_receipt`. */
export interface Receipt {
  known: boolean;
  frees?: boolean;
  alert?: Alert | null;
}

/** See `messaging.send_json`. */
export interface Send {
  message_id: string;
  account_id: string;
  channel: string;
  from: string;
  to: string;
  body: string;
  media_urls: string[];
  attempts: number;
  handed_at: string | null;
}

@Injectable()
export class DeliveryRepository {
  constructor(private readonly sql: Sql) {}

  recordReceipt(messageId: string, sid: string, status: string, errorCode: string | null, accountId: string | null): Promise<Receipt> {
    return this.sql.value('messaging.record_receipt', [messageId, sid, status, errorCode, new Date(), accountId], { patienceMs: 5_000 });
  }

  recordRefusal(messageId: string, errorCode: string): Promise<Alert | null> {
    return this.sql.value('messaging.record_refusal', [messageId, errorCode, new Date()], { patienceMs: 5_000 });
  }

  /** It is due again, unless it was handed out anew or settled since `send` was claimed. */
  requeue(send: Send, dueAt: Date): Promise<void> {
    return this.sql.value('messaging.requeue', [send.message_id, dueAt, send.handed_at], { patienceMs: 5_000 });
  }

  /** The reconciler asks for this message from then on, instead of 15 s after its hand-out. */
  lookUpAt(messageId: string, at: Date): Promise<void> {
    return this.sql.value('messaging.look_up_at', [messageId, at], { patienceMs: 5_000 });
  }

  claimDue(limit: number): Promise<{ sends: Send[]; alerts: Alert[] }> {
    return this.sql.value('messaging.claim_due', [limit, new Date()]);
  }

  claimUnsettled(limit: number, ageMs: number): Promise<Send[]> {
    return this.sql.value('messaging.claim_unsettled', [limit, `${ageMs} milliseconds`, new Date()]);
  }

  knownSids(accountId: string, phone: string, sids: string[]): Promise<string[]> {
    return this.sql.values('messaging.known_sids', [accountId, phone, sids]);
  }

  raiseAlert(accountId: string, kind: string, severity: Alert['severity'], subject: string, details: object): Promise<Alert> {
    return this.sql.value('analytics.raise_alert', [accountId, kind, severity, subject, JSON.stringify(details), new Date()]);
  }
}
