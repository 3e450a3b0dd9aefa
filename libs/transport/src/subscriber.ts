import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { COMMAND_TIMEOUT_MS } from './connection.js';

type Listener = (message: string) => void;

/** The one subscribed connection of a process: replies and broadcasts share it. */
export class Subscriber {
  private readonly listeners = new Map<string, Set<Listener>>();

  constructor(private readonly redis: Redis) {
    redis.on('message', (channel, message) => this.listeners.get(channel)?.forEach((listener) => listener(message)));
    redis.on('ready', () => {
      if (this.listeners.size > 0) redis.subscribe(...this.listeners.keys()).catch(() => undefined);
    });
  }

  get isConnected(): boolean {
    return this.redis.status === 'ready';
  }

  /**
   * Listens until the returned function is called. Resolves when Redis has confirmed it, or after about a second
   * when Redis is down: the channel is then subscribed as soon as it is back.
   */
  async listen(channel: string, listener: Listener): Promise<() => void> {
    const listeners = this.listeners.get(channel) ?? new Set();
    this.listeners.set(channel, listeners.add(listener));
    await Promise.race([this.redis.subscribe(channel), delay(COMMAND_TIMEOUT_MS, undefined, { ref: false })]).catch(() => undefined);
    return () => {
      if (!listeners.delete(listener) || listeners.size > 0) return;
      this.listeners.delete(channel);
      this.redis.unsubscribe(channel).catch(() => undefined);
    };
  }
}
