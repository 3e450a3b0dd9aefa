import type { ServerResponse } from 'node:http';
import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { InboundRepository } from './inbound.repository.js';

/** Later answers of a session wait until the TwiML before them is on its way, so this may not take long. */
const FLUSH_MS = 100;

/** Remembers which TwiML replies went out on their sockets, and stores it for many at once, off the path of the reply. */
@Injectable()
export class WrittenReplies {
  private readonly logger = new Logger(WrittenReplies.name);
  private written: string[] = [];

  constructor(private readonly inbound: InboundRepository) {}

  follow(response: ServerResponse, answerId: string): void {
    response.once('finish', () => this.written.push(answerId));
  }

  @Interval(FLUSH_MS)
  async flush(): Promise<void> {
    if (this.written.length === 0) return;
    const ids = this.written;
    this.written = [];
    // Not kept for another try: without the mark the reconciler looks the message up, which is slower and as right.
    await this.inbound.markWritten(ids).catch((error: Error) => this.logger.warn(`written replies were not stored: ${error.message}`));
  }
}
