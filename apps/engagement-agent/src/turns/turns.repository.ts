import { Injectable } from '@nestjs/common';
import { Sql } from '@darkspere/database';
import type { Reply } from '../conversation/conversation.service.js';

/** What `routing.turn_context` returns. */
export interface TurnContext {
  turn_id: string;
  session_id: string;
  message: string | null;
  message_ids: string[];
  history: { role: string; content: string | null; timestamp: string }[];
  session_state: unknown;
  first_contact: boolean;
}

/** Both calls may run twice. */
const PATIENCE = { patienceMs: 3_000 };

/** The two functions that routing publishes to built-in agents. */
@Injectable()
export class TurnsRepository {
  constructor(private readonly sql: Sql) {}

  /** Null: the turn is no longer running. */
  context(turnId: string): Promise<TurnContext | null> {
    return this.sql.value('routing.turn_context', [turnId], PATIENCE);
  }

  /** False: the turn is no longer running. */
  storeDraft(turnId: string, { reply, sessionState, metadata }: Reply): Promise<boolean> {
    return this.sql.value('routing.store_draft', [turnId, reply, JSON.stringify(sessionState), JSON.stringify(metadata)], PATIENCE);
  }
}
