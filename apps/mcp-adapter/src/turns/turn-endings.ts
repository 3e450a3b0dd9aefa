import { Injectable } from '@nestjs/common';
import { answerDue, turnAnswered } from '@darkspere/contracts';
import { Alerts } from '@darkspere/platform';
import { Broadcasts } from '@darkspere/transport';
import type { TurnEnd } from './turn.js';

/** Tells whoever waits that a turn is over. Only hints: each of them also reads the database on a timer. */
@Injectable()
export class TurnEndings {
  constructor(
    private readonly broadcasts: Broadcasts,
    private readonly alerts: Alerts,
  ) {}

  announce(end: TurnEnd): void {
    const byWaiter = Map.groupBy(end.waiters ?? [], ({ waiter }) => waiter);
    for (const [waiter, waiting] of byWaiter) {
      void this.broadcasts.publish(turnAnswered, { messageIds: waiting.map(({ message_id }) => message_id) }, waiter);
    }
    if (end.is_due) void this.broadcasts.publish(answerDue, {});
    this.alerts.announce(end.alert);
  }
}
