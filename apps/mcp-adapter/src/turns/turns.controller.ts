import { Controller } from '@nestjs/common';
import { turnRung, type PayloadOf } from '@darkspere/contracts';
import { On } from '@darkspere/transport';
import { TurnsService } from './turns.service.js';

@Controller()
export class TurnsController {
  constructor(private readonly turns: TurnsService) {}

  /** Acknowledged as soon as the turn is claimed or nothing waits: the lease guards the turn, not the stream. */
  @On(turnRung)
  rung({ sessionId }: PayloadOf<typeof turnRung>): Promise<void> {
    return this.turns.look(sessionId);
  }
}
