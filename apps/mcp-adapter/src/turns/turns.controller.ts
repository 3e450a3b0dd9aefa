import { Controller } from '@nestjs/common';
import { turnRung, type PayloadOf } from '@darkspere/contracts';
import { On } from '@darkspere/transport';
import { TurnsService } from './turns.service.js';

@Controller()
export class TurnsController {
  constructor(private readonly turns: TurnsService) {}

  /** Acknowledged as soon as the turns are claimed or nothing waits: the lease guards the turn, not the stream. */
  @On(turnRung)
  async rung({ rings }: PayloadOf<typeof turnRung>): Promise<void> {
    await Promise.all(rings.map(({ sessionId, leaseToken }) => this.turns.look(sessionId, leaseToken)));
  }
}
