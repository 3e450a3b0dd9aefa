import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { turnRung } from '@darkspere/contracts';
import { EventBus } from '@darkspere/transport';

/** Wakes whoever runs turns. Texts that were stored together ring once for all of their sessions. */
@Injectable()
export class Doorbell {
  private readonly logger = new Logger(Doorbell.name);
  private sessionIds: string[] = [];

  constructor(private readonly events: EventBus) {}

  ring(sessionId: string): void {
    this.sessionIds.push(sessionId);
    if (this.sessionIds.length === 1) void nextTurn().then(() => this.send());
  }

  private async send(): Promise<void> {
    const { sessionIds } = this;
    this.sessionIds = [];
    // The sweeper finds the texts within about a second.
    await this.events.emit(turnRung, { sessionIds }).catch((error: Error) => this.logger.warn(`the doorbell is silent: ${error.message}`));
  }
}
