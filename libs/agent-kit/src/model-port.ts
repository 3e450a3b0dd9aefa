export interface ModelMessage {
  role: 'user' | 'assistant';
  content: string;
}

export interface ModelRequest {
  system: string;
  messages: readonly ModelMessage[];
  /** Upper bound of the answer, in tokens. */
  maxTokens: number;
  signal?: AbortSignal;
}

export interface ModelCompletion {
  text: string;
  /** The model that really answered, as its provider names it. */
  model: string;
  usage: { inputTokens: number; outputTokens: number } | null;
}

/** A provider of a language model. Rejects when there is no answer in time; never resolves with an empty text. */
export interface ModelPort {
  complete(request: ModelRequest): Promise<ModelCompletion>;
}
