import { Injectable } from '@nestjs/common';
import { answerDue } from '@darkspere/contracts';
import { Alerts, type Alert } from '@darkspere/platform';
import { Broadcasts } from '@darkspere/transport';
import type { DeliveryStatus } from './delivery-status.js';
import { DeliveryRepository } from './delivery.repository.js';

@Injectable()
export class DeliveryService {
  constructor(
    private readonly deliveries: DeliveryRepository,
    private readonly broadcasts: Broadcasts,
    private readonly alerts: Alerts,
  ) {}

  /** A callback about a message that is not ours is taken quietly: the carrier would only repeat it. */
  async record(accountId: string, messageId: string | undefined, status: DeliveryStatus): Promise<void> {
    if (!messageId) return;
    await this.settle(
      messageId,
      (status.MessageSid ?? status.SmsSid)!,
      (status.MessageStatus ?? status.SmsStatus)!,
      status.ErrorCode || null,
      accountId,
    );
  }

  /**
   * Stores what the carrier says of a message, and wakes the senders if another answer waited for it. `accountId`: who
   * signed it, if it came by itself; it may speak of its own messages only.
   */
  async settle(messageId: string, sid: string, status: string, errorCode: string | null, accountId: string | null = null): Promise<void> {
    const receipt = await this.deliveries.recordReceipt(messageId, sid, status, errorCode, accountId);
    this.alerts.announce(receipt.alert);
    if (receipt.frees) void this.broadcasts.publish(answerDue, {});
  }

  /** The carrier said no for good. */
  async refuse(messageId: string, errorCode: string): Promise<void> {
    this.alerts.announce(await this.deliveries.recordRefusal(messageId, errorCode));
    void this.broadcasts.publish(answerDue, {});
  }

  announce(alerts: Alert[]): void {
    for (const alert of alerts) this.alerts.announce(alert);
  }
}
