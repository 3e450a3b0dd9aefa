import { Body, Controller, Headers, HttpCode, Post, UseInterceptors } from '@nestjs/common';
import { AccountId, IdempotencyInterceptor, Scoped } from '@darkspere/platform';
import { ChatRequest, type ChatResponse } from './chat-request.js';
import { ChatService } from './chat.service.js';

@Controller('mcp')
@UseInterceptors(IdempotencyInterceptor)
export class ChatController {
  constructor(private readonly chats: ChatService) {}

  @Post('chat')
  @Scoped('write')
  @HttpCode(200)
  chat(
    @AccountId() accountId: string,
    @Body({ schema: ChatRequest }) request: ChatRequest,
    @Headers('traceparent') traceparent?: string,
  ): Promise<ChatResponse> {
    return this.chats.chat(accountId, request, traceparent ?? null);
  }
}
