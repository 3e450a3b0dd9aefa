import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { answerDue } from '@darkspere/contracts';
import { Broadcasts } from '@darkspere/transport';
import { CarrierAccountsService } from '../carrier/carrier-accounts.service.js';
import { CarrierClient } from '../carrier/carrier.client.js';
import { DeliveryRepository, type Send } from '../delivery/delivery.repository.js';
import { DeliveryService } from '../delivery/delivery.service.js';
import { addressOn } from '../inbound/inbound-sms.js';

const BATCH = 25;
/** After a 5xx no call is under way any more: what the carrier made of it shows within moments. */
const LOOK_UP_AFTER_MS = 3_000;
/** About ten minutes of a carrier that cannot be reached. */
const MOST_ATTEMPTS = 25;
const pauseMs = (attempt: number): number => Math.min(30_000, 1_000 * 2 ** Math.min(attempt, 5)) * (0.75 + Math.random() / 2);

/** Hands out by REST what is due, in each session's order. Every replica runs one; rows that one holds the others skip. */
@Injectable()
export class SenderService implements OnModuleInit {
  private readonly logger = new Logger(SenderService.name);
  private running: Promise<void> | null = null;
  private isWanted = false;

  constructor(
    private readonly deliveries: DeliveryRepository,
    private readonly delivery: DeliveryService,
    private readonly carrier: CarrierClient,
    private readonly accounts: CarrierAccountsService,
    private readonly broadcasts: Broadcasts,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.broadcasts.subscribe(answerDue, () => this.look());
  }

  @Interval(1_000)
  look(): void {
    this.isWanted = true;
    this.running ??= this.run().finally(() => {
      this.running = null;
    });
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.isWanted = false;
    await this.running;
  }

  private async run(): Promise<void> {
    while (this.isWanted) {
      this.isWanted = false;
      try {
        const { sends, alerts } = await this.deliveries.claimDue(BATCH);
        this.delivery.announce(alerts);
        await Promise.all(sends.map((send) => this.send(send)));
        if (sends.length > 0) this.isWanted = true;
      } catch (error) {
        this.logger.warn(`looking for due messages failed: ${(error as Error).message}`);
      }
    }
  }

  private async send(send: Send): Promise<void> {
    const account = await this.accounts.of(send.account_id);
    if (!account) {
      await this.delivery.refuse(send.message_id, 'no_carrier_account');
      return;
    }
    const outcome = await this.carrier.send(account, {
      messageId: send.message_id,
      from: addressOn(send.channel, send.from),
      to: addressOn(send.channel, send.to),
      body: send.body,
      mediaUrls: send.media_urls,
    });
    switch (outcome.kind) {
      case 'taken':
        return this.delivery.settle(send.message_id, outcome.sid, outcome.status, outcome.errorCode);
      case 'refused':
        return this.delivery.refuse(send.message_id, outcome.errorCode);
      case 'not_taken':
        this.logger.warn(`the carrier did not take message ${send.message_id}: ${outcome.reason}`);
        if (send.attempts + 1 >= MOST_ATTEMPTS) return this.delivery.refuse(send.message_id, 'carrier_unreachable');
        return this.deliveries.requeue(send, new Date(Date.now() + pauseMs(send.attempts)));
      case 'unknown':
        // It stays in `sending`: the reconciler asks the carrier before anything is sent again.
        this.logger.warn(`the carrier may have message ${send.message_id}: ${outcome.reason}`);
        if (outcome.isOver) await this.deliveries.lookUpAt(send.message_id, new Date(Date.now() + LOOK_UP_AFTER_MS));
        return;
      default:
        outcome satisfies never;
    }
  }
}
