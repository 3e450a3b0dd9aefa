import { OpenAI } from 'openai';
import type { ModelCompletion, ModelPort, ModelRequest } from './model-port.js';

export interface OpenAiCompatibleOptions {
  /** Without it: OpenAI itself. */
  baseUrl?: string;
  apiKey?: string;
  model: string;
  /** For the whole call, the retry included. */
  timeoutMs?: number;
}

const OPENAI_BASE_URL = 'https://api.openai.com/v1';
const DEFAULT_TIMEOUT_MS = 6_000;

/** Any server that speaks OpenAI's chat completions: OpenAI, vLLM, Ollama, a gateway. */
export class OpenAiCompatibleModel implements ModelPort {
  private readonly client: OpenAI;
  private readonly model: string;
  private readonly timeoutMs: number;
  private readonly tokenLimit: 'max_tokens' | 'max_completion_tokens';

  constructor({ baseUrl = OPENAI_BASE_URL, apiKey = 'none', model, timeoutMs = DEFAULT_TIMEOUT_MS }: OpenAiCompatibleOptions) {
    this.model = model;
    this.timeoutMs = timeoutMs;
    // OpenAI's newer models refuse `max_tokens`; most other servers know nothing else.
    this.tokenLimit = new URL(baseUrl).hostname === 'api.openai.com' ? 'max_completion_tokens' : 'max_tokens';
    this.client = new OpenAI({
      baseURL: baseUrl,
      apiKey,
      timeout: timeoutMs,
      maxRetries: 1,
      // Unset, the package would take these from variables of the environment that are not in our contract.
      organization: null,
      project: null,
      logLevel: 'off',
    });
  }

  async complete(request: ModelRequest): Promise<ModelCompletion> {
    const limit = AbortSignal.timeout(this.timeoutMs);
    const signal = request.signal ? AbortSignal.any([request.signal, limit]) : limit;
    // The package's timeout is per attempt, and it sleeps through any Retry-After without looking at the signal.
    return Promise.race([this.ask(request, signal), rejectOn(signal)]);
  }

  private async ask({ system, messages, maxTokens }: ModelRequest, signal: AbortSignal): Promise<ModelCompletion> {
    const completion = await this.client.chat.completions.create(
      {
        model: this.model,
        messages: [{ role: 'system', content: system }, ...messages.map(({ role, content }) => ({ role, content }))],
        [this.tokenLimit]: maxTokens,
      },
      { signal },
    );
    const text = completion.choices?.[0]?.message?.content?.trim();
    if (!text) throw new Error('the model answered without a text');
    const { usage } = completion;
    return {
      text,
      model: completion.model || this.model,
      usage: usage ? { inputTokens: usage.prompt_tokens, outputTokens: usage.completion_tokens } : null,
    };
  }
}

const rejectOn = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const stop = () => reject(signal.reason as Error);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
