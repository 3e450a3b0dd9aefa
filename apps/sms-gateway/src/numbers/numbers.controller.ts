import { Body, Controller, Delete, Get, HttpCode, Param, Post, UseInterceptors } from '@nestjs/common';
import { AccountId, IdempotencyInterceptor, Scoped } from '@darkspere/platform';
import type { z } from 'zod';
import { NewNumber, NumberPath } from './number.js';
import { NumbersService, type NumberView } from './numbers.service.js';

@Controller('api/v1/numbers')
@Scoped('write')
@UseInterceptors(IdempotencyInterceptor)
export class NumbersController {
  constructor(private readonly numbers: NumbersService) {}

  @Post()
  bind(@AccountId() accountId: string, @Body({ schema: NewNumber }) number: NewNumber): Promise<NumberView> {
    return this.numbers.bind(accountId, number);
  }

  @Get()
  @Scoped('read')
  list(@AccountId() accountId: string): Promise<{ numbers: NumberView[] }> {
    return this.numbers.list(accountId);
  }

  @Delete(':phone_number')
  @HttpCode(204)
  release(@AccountId() accountId: string, @Param({ schema: NumberPath }) { phone_number }: z.infer<typeof NumberPath>): Promise<void> {
    return this.numbers.release(accountId, phone_number);
  }
}
