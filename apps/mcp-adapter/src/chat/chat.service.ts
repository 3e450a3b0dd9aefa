import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Sql } from '@darkspere/database';
import { DomainError } from '@darkspere/domain';
import { TurnsService } from '../turns/turns.service.js';
import type { ChatRequest, ChatResponse } from './chat-request.js';

interface Received {
  held: boolean;
  session_id: string;
  message_id: string;
  ring: boolean;
  lease_token: string | null;
}

/** See `routing.chat_result`. */
interface ChatResult {
  status: string;
  turn_status: string | null;
  turn_id: string;
  message: string;
  state: Record<string, unknown>;
}

/** A turn's own deadline (30 s) and what may run before it. */
const LONGEST_WAIT_MS = 45_000;
const READ_EVERY_MS = 100;

/** Texts that come over HTTP instead of from the phone: same mailbox, same order; the answer goes to the caller only. */
@Injectable()
export class ChatService {
  constructor(
    private readonly sql: Sql,
    private readonly turns: TurnsService,
  ) {}

  /** Throws `session_not_found`, `session_unavailable` (a person owns it, or it ended) and `turn_failed`. */
  async chat(accountId: string, request: ChatRequest, traceparent: string | null): Promise<ChatResponse> {
    const startedAt = Date.now();
    const received = await this.sql.value<Received | null>('routing.receive_chat', [
      accountId,
      request.session_id,
      request.message,
      traceparent,
      new Date(),
    ]);
    if (!received) throw new DomainError('session_not_found', 'There is no such session, or it has ended.');
    if (received.held) throw new DomainError('session_unavailable', 'A person has taken this conversation over.');
    if (received.ring) await this.turns.look(received.session_id, received.lease_token);
    const result = await this.result(received.message_id, startedAt + LONGEST_WAIT_MS);
    if (result.status !== 'answered') throw new DomainError('session_unavailable', 'The conversation ended before the answer.');
    if (result.turn_status !== 'answered') throw new DomainError('turn_failed', 'The agent gave no answer in time.');
    return {
      type: 'chat.response',
      session_id: request.session_id,
      message: result.message,
      context_update: { session_state: result.state },
      metadata: { turn_id: result.turn_id, processing_time_ms: Date.now() - startedAt },
    };
  }

  private async result(messageId: string, until: number): Promise<ChatResult> {
    while (Date.now() < until) {
      const result = await this.sql.value<ChatResult | null>('routing.chat_result', [messageId], { patienceMs: 5_000 });
      if (result) return result;
      await sleep(READ_EVERY_MS);
    }
    throw new DomainError('turn_failed', 'The agent gave no answer in time.');
  }
}
