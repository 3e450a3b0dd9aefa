import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { turnRung, type PayloadOf } from '@darkspere/contracts';
import { EventBus } from '@darkspere/transport';

/** Wakes whoever runs turns. Texts that were stored together ring once for all of their sessions. */
@Injectable()
export class Doorbell {
  private readonly logger = new Logger(Doorbell.name);
  private rings: PayloadOf<typeof turnRung>['rings'] = [];

  constructor(private readonly events: EventBus) {}

  ring(sessionId: string, leaseToken: string | null): void {
    this.rings.push({ sessionId, leaseToken });
    if (this.rings.length === 1) void nextTurn().then(() => this.send());
  }

  private async send(): Promise<void> {
    const { rings } = this;
    this.rings = [];
    // The sweeper finds the texts within a few seconds.
    await this.events.emit(turnRung, { rings }).catch((error: Error) => this.logger.warn(`the doorbell is silent: ${error.message}`));
  }
}
