import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { ConsumerGroup } from './consumer-group.js';
import type { Delivery } from './entry.js';

export interface ConsumerLimits {
  readonly concurrency: number;
  readonly minIdleMs: number;
  readonly graceMs: number;
}

const BATCH = 32;
/** Bounds how long a stop may take when the unblocking was missed; an idle replica costs a command per period. */
const BLOCK_MS = 2_000;
/** Many times BLOCK_MS: a consumer that is silent for so long is dead. */
const DEAD_CONSUMER_MS = 60_000;

/** Reads a service's stream and runs what it gets, never more at a time than it has slots for. */
export class StreamConsumer {
  private readonly logger = new Logger('Transport');
  private readonly inFlight = new Set<string>();
  private heartbeat?: NodeJS.Timeout;
  private consuming?: Promise<void>;
  private isStopping = false;
  private wake = (): void => undefined;

  /** `run` handles one delivery to the end and never rejects. */
  constructor(
    private readonly group: ConsumerGroup,
    private readonly limits: ConsumerLimits,
    private readonly run: (delivery: Delivery) => Promise<void>,
  ) {}

  start(): void {
    this.consuming = this.consume();
    // One timer for all: three beats fit into the time after which an entry would be taken away.
    this.heartbeat = setInterval(() => {
      this.group.beat([...this.inFlight]).catch(() => undefined);
    }, this.limits.minIdleMs / 3);
  }

  /** Stops reading, lets what runs end within the grace period, and leaves the group. */
  async stop(): Promise<void> {
    const graceEnds = performance.now() + this.limits.graceMs;
    this.isStopping = true;
    this.wake();
    await this.group.unblock().catch(() => undefined);
    await Promise.race([this.consuming, pause(BLOCK_MS)]);
    while (this.inFlight.size > 0 && performance.now() < graceEnds) {
      await Promise.race([this.somethingEnds(), pause(graceEnds - performance.now())]);
    }
    clearInterval(this.heartbeat);
    if (this.inFlight.size > 0) this.logger.warn(`${this.inFlight.size} entries still run; another replica takes them over`);
    await this.group.leave().catch(() => undefined);
  }

  private async consume(): Promise<void> {
    let failures = 0;
    let reclaimAt = 0;
    let collectAt = performance.now() + DEAD_CONSUMER_MS * Math.random();
    while (!this.isStopping) {
      const now = performance.now();
      const count = Math.min(this.limits.concurrency - this.inFlight.size, BATCH);
      try {
        if (count === 0) {
          await this.somethingEnds();
        } else if (now >= collectAt) {
          collectAt = now + DEAD_CONSUMER_MS;
          await this.group.collect(DEAD_CONSUMER_MS);
        } else if (now >= reclaimAt) {
          const batch = await this.group.reclaim(count, this.limits.minIdleMs);
          this.take(batch);
          // Jitter, so that replicas started together do not all look at once; a full batch has more behind it.
          if (batch.length < count) reclaimAt = now + (this.limits.minIdleMs / 2) * (0.75 + Math.random() / 4);
        } else {
          this.take(await this.group.read(count, Math.ceil(Math.min(BLOCK_MS, reclaimAt - now))));
          failures = 0;
        }
      } catch (error) {
        if (!this.isStopping) await this.recover(error as Error, failures++);
      }
    }
  }

  private take(batch: readonly Delivery[]): void {
    for (const delivery of batch) {
      const { id } = delivery;
      // Our own beats were late (a long pause of this process) and we took it from ourselves: it runs already.
      if (this.inFlight.has(id)) continue;
      this.inFlight.add(id);
      void this.run(delivery).then(() => {
        this.inFlight.delete(id);
        this.wake();
      });
    }
  }

  /** Makes the group where it is gone (first start, FLUSHALL, a Redis that came back empty); what fails again has to wait. */
  private async recover(error: Error, failures: number): Promise<void> {
    const isGroupMissing = /NOGROUP|UNBLOCKED/.test(error.message);
    if (failures === 1) this.logger.warn(`Reading fails repeatedly: ${error.message}`);
    if (failures > 0 || !isGroupMissing) await pause(Math.min(50 * 2 ** failures, 2_000));
    if (isGroupMissing) await this.group.join().catch(() => undefined);
  }

  private somethingEnds(): Promise<void> {
    return new Promise((resolve) => (this.wake = resolve));
  }
}

const pause = (ms: number): Promise<void> => delay(ms, undefined, { ref: false });
