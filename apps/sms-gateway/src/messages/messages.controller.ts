import { Body, Controller, Get, HttpCode, Param, Post, Query, UseInterceptors } from '@nestjs/common';
import { AccountId, IdempotencyInterceptor, Scoped } from '@darkspere/platform';
import type { z } from 'zod';
import { ConsentFilter, MessageFilter, MessageId, NewMessage } from './message.js';
import { MessagesService, type MessagePage } from './messages.service.js';

@Controller('api/v1')
@Scoped('read')
@UseInterceptors(IdempotencyInterceptor)
export class MessagesController {
  constructor(private readonly messages: MessagesService) {}

  @Post('messages')
  @Scoped('write')
  @HttpCode(202)
  send(@AccountId() accountId: string, @Body({ schema: NewMessage }) message: NewMessage): Promise<unknown> {
    return this.messages.send(accountId, message);
  }

  @Get('messages')
  list(@AccountId() accountId: string, @Query({ schema: MessageFilter }) filter: MessageFilter): Promise<MessagePage> {
    return this.messages.list(accountId, filter);
  }

  @Get('messages/:id')
  find(@AccountId() accountId: string, @Param({ schema: MessageId }) { id }: z.infer<typeof MessageId>): Promise<unknown> {
    return this.messages.find(accountId, id);
  }

  @Get('consents')
  consents(@AccountId() accountId: string, @Query({ schema: ConsentFilter }) { phone }: z.infer<typeof ConsentFilter>): Promise<unknown> {
    return this.messages.consents(accountId, phone);
  }
}
