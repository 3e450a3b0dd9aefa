import type { Happened } from './evidence.js';
import type { Load } from './load.js';
import type { TwinClient } from './twin.client.js';

/** One line about the last seconds. Reads the twin's log as it grows, so that nothing of it can be forgotten. */
export class Progress {
  readonly #begin = Date.now();
  #told = 0;
  #answers = { twiml: 0, rest: 0 };
  #faults = 0;

  constructor(
    private readonly twin: TwinClient,
    private readonly load: Load,
    private readonly happened: readonly Happened[],
  ) {}

  async line(): Promise<string> {
    for (const { type, direction } of await this.twin.readLog()) {
      if (type === 'message.created') this.#answers[direction === 'outbound-reply' ? 'twiml' : 'rest'] += 1;
      if (type === 'webhook.failed') this.#faults += 1;
    }
    const news = this.happened.slice(this.#told).map(({ name, what }) => `${name} ${what}`);
    this.#told = this.happened.length;
    const { twiml, rest } = this.#answers;
    const seconds = ((Date.now() - this.#begin) / 1_000).toFixed(0).padStart(4);
    return `${seconds} s  sent ${this.load.sent.length}, messages back ${twiml + rest} (${rest} by REST), webhooks failed ${this.#faults}${news.length > 0 ? `; ${news.join(', ')}` : ''}`;
  }
}
