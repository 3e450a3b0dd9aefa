import { Inject, Injectable, Logger } from '@nestjs/common';
import { answerWith, type Draft, type GuardedModel } from '@darkspere/agent-kit';
import type { Captured } from './captured.js';
import { converse, type ConverseInput } from './converse.js';
import type { KnowledgeIndex } from './knowledge-index.js';
import { taskFor } from './prompt.js';

export const KNOWLEDGE = Symbol('KnowledgeIndex');
export const AGENT_MODEL = Symbol('GuardedModel | null');

export interface Reply {
  reply: string;
  sessionState: Record<string, unknown>;
  /** Who worded it and why; stored beside the reply, no words of the person. */
  metadata: Record<string, unknown>;
}

/** Answers a message: by rules, in a model's words where one is configured and behaves. */
@Injectable()
export class ConversationService {
  private readonly logger = new Logger(ConversationService.name);

  constructor(
    @Inject(KNOWLEDGE) private readonly knowledge: KnowledgeIndex,
    @Inject(AGENT_MODEL) private readonly model: GuardedModel | null,
  ) {}

  async answer(turn: Omit<ConverseInput, 'knowledge'>): Promise<Reply> {
    const input = { ...turn, knowledge: this.knowledge };
    const answered = await answerWith(
      this.model,
      (draft?: Draft<Captured>) => converse(input, draft),
      (planned) => taskFor(input, planned),
    );
    const { reply, sessionState, reasons } = answered.answer;
    if (answered.by === 'model') {
      return { reply, sessionState, metadata: { by: 'model', reasons, model: answered.model, usage: answered.usage } };
    }
    if (answered.error && answered.fallback !== 'resting')
      this.logger.warn(`the model was left aside: ${answered.fallback}, ${kindOf(answered.error)}`);
    return { reply, sessionState, metadata: { by: 'rules', reasons, ...(answered.fallback && { fallback: answered.fallback }) } };
  }
}

/** Name and HTTP status only: a provider's message may quote the text or the key. */
const kindOf = (error: unknown): string => {
  const { status, name, constructor } = error as { status?: number; name: string; constructor: { name: string } };
  return [name === 'Error' ? constructor.name : name, status].filter((part) => part !== undefined).join(' ');
};
