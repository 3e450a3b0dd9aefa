import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { turnRung, type PayloadOf } from '@darkspere/contracts';
import { EventBus } from '@darkspere/transport';
import { InboundRepository } from './inbound.repository.js';

/** Wakes whoever runs turns. Texts that were stored together ring once for all of their sessions. */
@Injectable()
export class Doorbell {
  private readonly logger = new Logger(Doorbell.name);
  private rings: PayloadOf<typeof turnRung>['rings'] = [];

  constructor(
    private readonly events: EventBus,
    private readonly inbound: InboundRepository,
  ) {}

  ring(sessionId: string, leaseToken: string | null): void {
    this.rings.push({ sessionId, leaseToken });
    if (this.rings.length === 1) void nextTurn().then(() => this.send());
  }

  private async send(): Promise<void> {
    const { rings } = this;
    this.rings = [];
    try {
      await this.events.emit(turnRung, { rings });
    } catch (error) {
      this.logger.warn(`the doorbell is silent: ${(error as Error).message}`);
      // Then the sweeper finds the texts within about a second, else when their leases have run out.
      await this.inbound.releaseLeases(rings).catch((failure: Error) => this.logger.warn(`leases were not released: ${failure.message}`));
    }
  }
}
