import { Body, Controller, Get, HttpCode, Inject, Post, Query } from '@nestjs/common';
import { DeadLetters, type DeadLetter } from '@darkspere/transport';
import { z } from 'zod';
import { Scoped } from './api-key.guard.js';

const Page = z.object({
  limit: z.coerce.number({ error: 'must be a number' }).int().min(1).max(500).default(100),
  before: z
    .string()
    .regex(/^\d+-\d+$/, 'must be the id of a dead letter')
    .optional(),
});
const Chosen = z.strictObject({
  ids: z
    .array(z.string().regex(/^\d+-\d+$/, 'must be the id of a dead letter'))
    .min(1)
    .max(500),
});

/** Injection token: the name of the service whose dead letters these are. */
export const SERVICE_NAME = Symbol('service name');

/** Messages that this service could not handle, newest first: to be looked at, sent again, or thrown away. */
@Controller('api/v1/dead-letters')
@Scoped('admin')
export class DeadLettersController {
  constructor(
    private readonly deadLetters: DeadLetters,
    @Inject(SERVICE_NAME) private readonly service: string,
  ) {}

  @Get()
  async list(@Query({ schema: Page }) page: z.infer<typeof Page>): Promise<{ dead_letters: DeadLetter[] }> {
    return { dead_letters: await this.deadLetters.list(this.service, { count: page.limit, before: page.before }) };
  }

  @Post('replay')
  @HttpCode(200)
  async replay(@Body({ schema: Chosen }) { ids }: z.infer<typeof Chosen>): Promise<{ replayed: number }> {
    return { replayed: await this.deadLetters.replay(this.service, ids) };
  }

  @Post('discard')
  @HttpCode(200)
  async discard(@Body({ schema: Chosen }) { ids }: z.infer<typeof Chosen>): Promise<{ discarded: number }> {
    return { discarded: await this.deadLetters.discard(this.service, ids) };
  }
}
