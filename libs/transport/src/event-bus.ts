import type { EventContract, PayloadOf } from '@darkspere/contracts';
import { DomainError } from '@darkspere/domain';
import type { Redis } from 'ioredis';
import { writeEntry } from './entry.js';
import { requestStream, STREAM_FUSE } from './keys.js';

export interface EmitOptions {
  /** W3C trace context; the handlers find it in their StreamContext. */
  readonly traceparent?: string;
}

/** Tells services what happened; each service of the event's `to` gets it at least once. */
export class EventBus {
  constructor(private readonly redis: Redis) {}

  /**
   * Resolves when Redis has taken the event for each service. Throws DomainError `unavailable` within about a second
   * when it did not, or did not for all; the event may have been taken nevertheless, as a second delivery may be.
   */
  async emit<E extends EventContract>(event: E, payload: PayloadOf<E>, { traceparent }: EmitOptions = {}): Promise<void> {
    const fields = writeEntry({ pattern: event.name, data: payload, traceparent });
    try {
      await Promise.all(event.to.map((service) => this.redis.xadd(requestStream(service), 'MAXLEN', '~', STREAM_FUSE, '*', ...fields)));
    } catch (error) {
      throw new DomainError('unavailable', `Redis did not take ${event.name}: ${(error as Error).message}`);
    }
  }
}
