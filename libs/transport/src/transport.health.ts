import { setTimeout as delay } from 'node:timers/promises';
import type { OnApplicationShutdown } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { COMMAND_TIMEOUT_MS } from './connection.js';
import { requestStream } from './keys.js';
import { watchBacklog } from './transport.metrics.js';

export interface TransportStatus {
  readonly status: 'up' | 'down';
  /** Entries of this service that are not acknowledged yet, running ones included; 0 while Redis is down. */
  readonly backlog: number;
  readonly detail?: string;
}

/** Whether this service can be reached through Redis, and how much waits for it. */
export class TransportHealth implements OnApplicationShutdown {
  private readonly unwatch: () => void;

  constructor(
    private readonly redis: Redis,
    private readonly service: string,
  ) {
    this.unwatch = watchBacklog(service, () => this.backlog());
  }

  /** Answers within a second; never rejects. */
  async check(): Promise<TransportStatus> {
    try {
      return { status: 'up', backlog: await this.backlog() };
    } catch (error) {
      return { status: 'down', backlog: 0, detail: (error as Error).message };
    }
  }

  onApplicationShutdown(): void {
    this.unwatch();
  }

  private async backlog(): Promise<number> {
    // The command's own timeout starts when it is written, which a pipeline that hangs can put off.
    const late = delay(COMMAND_TIMEOUT_MS, undefined, { ref: false });
    const length = await Promise.race([this.redis.xlen(requestStream(this.service)), late]);
    if (length === undefined) throw new Error('Redis does not answer');
    return length;
  }
}
