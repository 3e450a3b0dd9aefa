import { fileURLToPath } from 'node:url';
import { converse, type Conversed } from './converse.js';
import { loadKnowledge } from './load-knowledge.js';
import type { EngagementState } from './state.js';

export const KNOWLEDGE_FILE = fileURLToPath(new URL('../../knowledge/darkspere.json', import.meta.url));
export const knowledge = loadKnowledge(KNOWLEDGE_FILE);

/** A phone that texts with the agent: what is remembered goes through JSON as it does in the database. */
export class Talk {
  sessionState: Record<string, unknown> = {};
  readonly history: { role: string; content: string }[] = [];

  constructor(engagement: Partial<EngagementState> = {}) {
    this.sessionState = { engagement };
  }

  say(message: string): Conversed {
    const conversed = converse({ message, history: this.history, sessionState: this.sessionState, knowledge });
    this.sessionState = JSON.parse(JSON.stringify(conversed.sessionState)) as Record<string, unknown>;
    this.history.push({ role: 'user', content: message }, { role: 'assistant', content: conversed.reply });
    return conversed;
  }

  get state(): EngagementState {
    return this.sessionState.engagement as EngagementState;
  }
}
