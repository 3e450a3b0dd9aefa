import type { ServerResponse } from 'node:http';
import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { InboundRepository } from './inbound.repository.js';

/** Later answers of a session wait until the TwiML before them is on its way, so this may not take long. */
const FLUSH_MS = 100;

/** Remembers which TwiML replies went out on their sockets; stored for many at once, off the path of the reply. */
@Injectable()
export class WrittenReplies {
  private readonly logger = new Logger(WrittenReplies.name);

  constructor(private readonly inbound: InboundRepository) {}

  follow(response: ServerResponse, answerId: string): void {
    response.once('finish', () => this.inbound.noteWritten(answerId));
  }

  @Interval(FLUSH_MS)
  async flush(): Promise<void> {
    // Not kept for another try: without the mark the reconciler looks the message up, which is slower and as right.
    await this.inbound.storeWritten().catch((error: Error) => this.logger.warn(`written replies were not stored: ${error.message}`));
  }
}
