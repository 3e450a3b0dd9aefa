import type { BroadcastContract, PayloadOf } from '@darkspere/contracts';
import { Logger } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { broadcastChannel } from './keys.js';
import { parseInput } from './schema-check.js';
import type { Subscriber } from './subscriber.js';

/** Hints to whoever listens right now, at most once. Nothing may depend on one. */
export class Broadcasts {
  private readonly logger = new Logger('Transport');

  constructor(
    private readonly redis: Redis,
    private readonly subscriber: Subscriber,
  ) {}

  /** How many processes were reached; 0 when Redis is down, for a hint that is lost is not a failure. Never rejects. */
  async publish<B extends BroadcastContract>(broadcast: B, payload: PayloadOf<B>, topic?: string): Promise<number> {
    return this.redis.publish(broadcastChannel(broadcast.name, topic), JSON.stringify(payload)).catch(() => 0);
  }

  /**
   * Calls `handler` for each broadcast (of the topic) until the returned function is called, across reconnects.
   * Resolves when Redis has confirmed it, or after about a second when Redis is down and it has to follow later.
   */
  subscribe<B extends BroadcastContract>(
    broadcast: B,
    handler: (payload: PayloadOf<B>) => void | Promise<void>,
    topic?: string,
  ): Promise<() => void> {
    const hear = async (message: string) => handler(parseInput(broadcast.payload, JSON.parse(message), broadcast.name) as PayloadOf<B>);
    return this.subscriber.listen(broadcastChannel(broadcast.name, topic), (message) => {
      hear(message).catch((error: Error) => this.logger.error(`Broadcast ${broadcast.name} was not handled`, error.stack));
    });
  }
}
