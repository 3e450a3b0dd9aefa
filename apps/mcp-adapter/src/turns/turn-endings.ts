import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { answerDue, turnAnswered } from '@darkspere/contracts';
import { Alerts } from '@darkspere/platform';
import { Broadcasts } from '@darkspere/transport';
import type { TurnEnd } from './turn.js';

/** Tells whoever waits that a turn is over. Only hints: each of them also reads the database on a timer. */
@Injectable()
export class TurnEndings {
  /** What is told at the end of this tick, by waiter: turns that ended together are told of together. */
  private decided = new Map<string, string[]>();
  private isDue = false;
  private leaving?: Promise<void>;

  constructor(
    private readonly broadcasts: Broadcasts,
    private readonly alerts: Alerts,
  ) {}

  announce(end: TurnEnd): void {
    for (const { waiter, message_id } of end.waiters ?? []) {
      this.decided.set(waiter, [...(this.decided.get(waiter) ?? []), message_id]);
    }
    this.isDue ||= end.is_due ?? false;
    if (this.decided.size > 0 || this.isDue) this.leaving ??= nextTurn().then(() => this.tell());
    this.alerts.announce(end.alert);
  }

  private tell(): void {
    for (const [waiter, messageIds] of this.decided) void this.broadcasts.publish(turnAnswered, { messageIds }, waiter);
    if (this.isDue) void this.broadcasts.publish(answerDue, {});
    this.decided = new Map();
    this.isDue = false;
    this.leaving = undefined;
  }
}
