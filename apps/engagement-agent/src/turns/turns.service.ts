import { Injectable } from '@nestjs/common';
import { ConversationService, type Reply } from '../conversation/conversation.service.js';
import { type TurnContext, TurnsRepository } from './turns.repository.js';

/** A turn lives at most 30 s; a replica answers far fewer than this in that time. */
const MOST_REMEMBERED = 1_000;

@Injectable()
export class TurnsService {
  /** A model answers differently each time: whoever asks again for the same texts gets the first reply. */
  private readonly replies = new Map<string, Promise<Reply>>();

  constructor(
    private readonly turns: TurnsRepository,
    private readonly conversation: ConversationService,
  ) {}

  /** Stores the reply to a running turn. One that is over needs none: it was taken over, stopped or closed. */
  async answer(turnId: string): Promise<void> {
    const context = await this.turns.context(turnId);
    if (context === null) return;
    await this.turns.storeDraft(turnId, await this.replyTo(context));
  }

  private replyTo(context: TurnContext): Promise<Reply> {
    const key = [context.turn_id, ...context.message_ids].join();
    const known = this.replies.get(key);
    if (known) return known;
    const reply = this.conversation.answer({
      message: context.message ?? '',
      history: context.history.map(({ role, content }) => ({ role, content: content ?? '' })),
      sessionState: context.session_state,
    });
    this.replies.set(key, reply);
    reply.catch(() => this.replies.delete(key));
    if (this.replies.size > MOST_REMEMBERED) this.replies.delete(this.replies.keys().next().value!);
    return reply;
  }
}
