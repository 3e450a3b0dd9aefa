import { Controller } from '@nestjs/common';
import { turnRung, type PayloadOf } from '@darkspere/contracts';
import { On, type StreamContext } from '@darkspere/transport';
import { TurnsService } from './turns.service.js';

@Controller()
export class TurnsController {
  constructor(private readonly turns: TurnsService) {}

  /** Acknowledged as soon as the turns are claimed or nothing waits: the lease guards the turn, not the stream. */
  @On(turnRung)
  async rung({ rings }: PayloadOf<typeof turnRung>, { deliveries }: StreamContext): Promise<void> {
    // Delivered again: whoever had it first may run the turns, and a lease has one holder.
    const isFirst = deliveries === 1;
    await Promise.all(rings.map(({ sessionId, leaseToken }) => this.turns.look(sessionId, isFirst ? leaseToken : null)));
  }
}
