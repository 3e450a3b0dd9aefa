import { randomUUID } from 'node:crypto';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { turnAnswered } from '@darkspere/contracts';
import { Alerts } from '@darkspere/platform';
import { Broadcasts } from '@darkspere/transport';
import { InboundRepository } from './inbound.repository.js';

/** Without a hint (Redis away, another replica told) the answer is found by reading. */
const READ_AGAIN_MS = 1_000;
/** An earlier answer of the session is just leaving. */
const BLOCKED_MS = 150;
/** An unwritten TwiML is looked up at the carrier 5 s after it was read at the soonest, and then leaves by REST. */
const UNWRITTEN_MS = 4_000;

export interface TakenReply {
  answerId: string;
  body: string;
}

/** Lets webhooks wait for the answer to their text, as long as their budget allows. */
@Injectable()
export class ReplyWaiter implements OnModuleInit {
  /** The name under which turns tell this process that they are decided. */
  readonly name = `gw-${randomUUID()}`;
  private readonly waiting = new Map<string, Set<() => void>>();

  constructor(
    private readonly inbound: InboundRepository,
    private readonly broadcasts: Broadcasts,
    private readonly alerts: Alerts,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.broadcasts.subscribe(
      turnAnswered,
      ({ messageIds }) => messageIds.forEach((id) => this.waiting.get(id)?.forEach((wake) => wake())),
      this.name,
    );
  }

  /** The reply that this webhook shall give, or null: none, or none in time. `deadline` in milliseconds since the epoch. */
  async wait(messageId: string, deadline: number, isDecided: boolean): Promise<TakenReply | null> {
    let pause = isDecided ? 0 : READ_AGAIN_MS;
    for (;;) {
      const left = deadline - Date.now();
      if (pause > 0 && left > 0) await this.wakeUp(messageId, Math.min(pause, left));
      const askedAt = Date.now();
      const isLast = askedAt >= deadline;
      const taken = await this.inbound.takeReply(messageId, isLast);
      if (taken.state === 'send') {
        // This process or the database stood still for so long that the answer may be on its way by REST.
        if (Date.now() > askedAt + UNWRITTEN_MS) return null;
        return { answerId: taken.answer_id, body: taken.body };
      }
      if (taken.state === 'empty') {
        this.alerts.announce(taken.alert);
        return null;
      }
      // Undecided: the answer was stored while this webhook gave up, and the next look finds it.
      if (isLast && taken.state !== 'undecided') return null;
      pause = taken.state === 'blocked' ? BLOCKED_MS : READ_AGAIN_MS;
    }
  }

  private wakeUp(messageId: string, afterMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wakes = this.waiting.get(messageId) ?? new Set();
      const wake = (): void => {
        clearTimeout(timer);
        wakes.delete(wake);
        if (wakes.size === 0) this.waiting.delete(messageId);
        resolve();
      };
      const timer = setTimeout(wake, afterMs);
      wakes.add(wake);
      this.waiting.set(messageId, wakes);
    });
  }
}
