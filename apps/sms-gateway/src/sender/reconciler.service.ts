import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { Alerts } from '@darkspere/platform';
import { CarrierAccountsService } from '../carrier/carrier-accounts.service.js';
import { CarrierClient } from '../carrier/carrier.client.js';
import { DeliveryRepository, type Send } from '../delivery/delivery.repository.js';
import { DeliveryService } from '../delivery/delivery.service.js';
import { addressOn } from '../inbound/inbound-sms.js';

/** Older than any REST call of ours can be (10 s), and late for a callback. */
const UNSETTLED_AGE_MS = 15_000;
const BATCH = 20;
/** The carrier's clock and ours. */
const CLOCK_SKEW_MS = 10_000;
/** A carrier that could not be asked for that long is an alert. */
const ALERT_AGE_MS = 60_000;

/**
 * Settles what was handed out and has no receipt: a TwiML that may never have reached the carrier, a REST call that
 * broke. It asks the carrier first; only what the carrier certainly does not have is sent again.
 */
@Injectable()
export class ReconcilerService {
  private readonly logger = new Logger(ReconcilerService.name);
  private isRunning = false;

  constructor(
    private readonly deliveries: DeliveryRepository,
    private readonly delivery: DeliveryService,
    private readonly carrier: CarrierClient,
    private readonly accounts: CarrierAccountsService,
    private readonly alerts: Alerts,
  ) {}

  @Interval(2_000)
  async look(): Promise<void> {
    if (this.isRunning) return;
    this.isRunning = true;
    try {
      // One after the other: two equal texts to one phone must not both claim the same message of the carrier.
      for (const send of await this.deliveries.claimUnsettled(BATCH, UNSETTLED_AGE_MS)) await this.settle(send);
    } catch (error) {
      this.logger.warn(`looking for unsettled messages failed: ${(error as Error).message}`);
    } finally {
      this.isRunning = false;
    }
  }

  private async settle(send: Send): Promise<void> {
    const account = await this.accounts.of(send.account_id);
    if (!account) return;
    try {
      const handedAt = new Date(send.handed_at ?? 0).getTime();
      const candidates = (await this.carrier.list(account, addressOn(send.channel, send.from), addressOn(send.channel, send.to))).filter(
        (message) => message.body === send.body && message.createdAt.getTime() >= handedAt - CLOCK_SKEW_MS,
      );
      const known = new Set(
        await this.deliveries.knownSids(
          send.account_id,
          send.to,
          candidates.map(({ sid }) => sid),
        ),
      );
      const found = candidates.filter(({ sid }) => !known.has(sid)).at(-1);
      if (found) return await this.delivery.settle(send.message_id, found.sid, found.status, found.errorCode);
      this.logger.warn(`message ${send.message_id} never reached the carrier: it is sent again`);
      await this.deliveries.requeue(send, new Date());
    } catch (error) {
      this.logger.warn(`message ${send.message_id} could not be looked up: ${(error as Error).message}`);
      if (Date.now() - new Date(send.handed_at ?? 0).getTime() > ALERT_AGE_MS) {
        this.alerts.announce(
          await this.deliveries.raiseAlert(send.account_id, 'carrier_unreachable', 'critical', 'look-up', { message_id: send.message_id }),
        );
      }
    }
  }
}
