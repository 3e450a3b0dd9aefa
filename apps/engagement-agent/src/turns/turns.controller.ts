import { Controller } from '@nestjs/common';
import { answerTurn, type InputOf, type OutputOf } from '@darkspere/contracts';
import { Handles } from '@darkspere/transport';
import { TurnsService } from './turns.service.js';

@Controller()
export class TurnsController {
  constructor(private readonly turns: TurnsService) {}

  @Handles(answerTurn)
  async answer({ turnId }: InputOf<typeof answerTurn>): Promise<OutputOf<typeof answerTurn>> {
    await this.turns.answer(turnId);
    return { turnId };
  }
}
