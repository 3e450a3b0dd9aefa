import { DomainError } from '@darkspere/domain';
import { Logger } from '@nestjs/common';
import type { Redis } from 'ioredis';
import type { ConsumerGroup } from './consumer-group.js';
import type { Outcome } from './dispatcher.js';
import { readEntry, type Delivery, type Entry } from './entry.js';
import { StreamContext } from './stream-context.js';
import { transportMetrics } from './transport.metrics.js';

export interface DeliveryRules {
  /** An event that failed so many times becomes a dead letter. */
  readonly maxDeliveries: number;
  readonly knows: (pattern: string) => boolean;
  readonly dispatch: (entry: Entry, context: StreamContext) => Promise<Outcome>;
}

/** Takes one delivery to its end: run, answered, acknowledged, left for another try, or buried. */
export class DeliveryHandler {
  private readonly logger = new Logger('Transport');
  private readonly metrics = transportMetrics();

  constructor(
    private readonly group: ConsumerGroup,
    private readonly command: Redis,
    private readonly rules: DeliveryRules,
  ) {}

  /** Never rejects: what could not be acknowledged, for whatever reason, comes again. */
  async handle(delivery: Delivery): Promise<void> {
    try {
      const entry = readEntry(delivery.fields);
      // Anyone can write a pattern; only those with a handler may name a log line or a time series.
      const pattern = entry && this.rules.knows(entry.pattern) ? entry.pattern : 'unknown';
      if (!entry) await this.bury(delivery, pattern, 'unreadable');
      else if (delivery.deliveries > this.rules.maxDeliveries) await this.bury(delivery, pattern, 'crashed');
      else if (entry.request && entry.request.deadline < Date.now()) await this.drop(delivery, pattern);
      else await this.run(entry, delivery, pattern);
    } catch (error) {
      this.logger.warn(`Entry ${delivery.id} is not settled, it comes again: ${(error as Error).message}`);
    }
  }

  private async run(entry: Entry, delivery: Delivery, pattern: string): Promise<void> {
    const startedAt = performance.now();
    const outcome = await this.rules.dispatch(entry, new StreamContext([entry, delivery.id, delivery.deliveries]));
    const hasFailed = 'error' in outcome;
    this.metrics.handleSeconds.observe({ pattern, outcome: hasFailed ? 'error' : 'ok' }, (performance.now() - startedAt) / 1_000);
    if (hasFailed) this.report(outcome.error, entry, delivery, pattern);
    switch (outcome.kind) {
      case 'done':
        await this.group.ack(delivery.id);
        break;
      case 'answered':
        await Promise.all([this.command.publish(outcome.replyTo, outcome.reply), this.group.ack(delivery.id)]);
        break;
      case 'failed':
        if (outcome.isHopeless || delivery.deliveries >= this.rules.maxDeliveries) {
          await this.bury(delivery, pattern, outcome.error instanceof DomainError ? outcome.error.code : 'internal');
        }
    }
  }

  /** Nobody waits for the answer any more. */
  private async drop({ id }: Delivery, pattern: string): Promise<void> {
    this.metrics.handleSeconds.observe({ pattern, outcome: 'expired' }, 0);
    await this.group.ack(id);
  }

  private async bury(delivery: Delivery, pattern: string, reason: string): Promise<void> {
    await this.group.bury(delivery, reason);
    this.metrics.deadLetters.inc({ pattern });
    this.logger.warn(`Entry ${delivery.id} (${pattern}) is a dead letter after ${delivery.deliveries} deliveries: ${reason}`);
  }

  /** A DomainError of a request is its caller's to judge; everything else is logged here, once, without the payload. */
  private report(error: unknown, entry: Entry, { id, deliveries }: Delivery, pattern: string): void {
    if (error instanceof DomainError && entry.request) return;
    const what = `${pattern} failed (entry ${id}, delivery ${deliveries}, trace ${entry.traceparent ?? 'none'})`;
    if (error instanceof DomainError) this.logger.warn(`${what}: ${error.code}`);
    else this.logger.error(what, error instanceof Error ? error.stack : undefined);
  }
}
