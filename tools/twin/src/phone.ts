import { setTimeout as sleep } from 'node:timers/promises';
import type { TextResult } from './carrier/inbound-delivery.js';
import type { InboxMessage, InboxPage } from './inbox.js';

/** Something that a person at the terminal should read as it is. */
export class PhoneError extends Error {}

export const notRunning = (): PhoneError => new PhoneError('DarkSpere is not running here: start it with npm start');

/** An answer may come in parts: after one has come, the next is awaited this long. */
const QUIET_MS = 300;
const POLL_MS = 20_000;

/** A phone of the twin, over HTTP. */
export class Phone {
  readonly #address: string;

  constructor(
    twinUrl: string,
    phone: string,
    private readonly number: string,
  ) {
    this.#address = new URL(`/twin/phones/${encodeURIComponent(phone)}`, twinUrl).href;
  }

  /** The sequence number behind which everything is new. */
  async position(): Promise<number> {
    return (await this.#messages(Number.MAX_SAFE_INTEGER, 0)).last_seq;
  }

  /** Waits up to `waitMs` for messages after a sequence number. */
  async read(after: number, waitMs: number, signal?: AbortSignal): Promise<InboxMessage[]> {
    return (await this.#messages(after, waitMs, signal)).messages;
  }

  /** Resolves when the app has taken the text; throws `PhoneError` when it has not. */
  async send(body: string, signal?: AbortSignal): Promise<void> {
    const result = await this.#call<TextResult>('/texts', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ to: this.number, body }),
      signal: signal ?? null,
    });
    if (result.http_status === null) throw new PhoneError(`The text was not delivered: ${result.error}`);
    if (result.http_status === 404) throw new PhoneError(`The text was not delivered: nobody answers at ${this.number} (HTTP 404)`);
    if (result.http_status >= 300) throw new PhoneError(`The text was not delivered: the app answered HTTP ${result.http_status}`);
  }

  /** Sends a text and returns what comes back: one message and those that follow it closely. */
  async ask(body: string, timeoutMs: number): Promise<InboxMessage[]> {
    const over = new AbortController();
    const after = await this.position();
    const sent = this.send(body, over.signal);
    try {
      // The answer may come long after the app has taken the text, or before its webhook has ended.
      const messages = await Promise.race([
        this.#answer(after, timeoutMs, over.signal),
        sent.then(() => new Promise<never>(() => undefined)),
      ]);
      if (messages.length === 0) throw new PhoneError(`No answer within ${timeoutMs / 1_000} s`);
      return messages;
    } finally {
      sent.catch(() => undefined);
      over.abort();
    }
  }

  /** Calls `show` for each message after `after` until the signal. Outlives restarts of the twin. */
  async listen(after: number, show: (message: InboxMessage) => void, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        for (const message of await this.read(after, POLL_MS, signal)) {
          after = message.seq;
          show(message);
        }
      } catch {
        // A twin that has started again counts from 1.
        await sleep(1_000, undefined, { signal }).catch(() => undefined);
        after = Math.min(after, await this.position().catch(() => after));
      }
    }
  }

  async #answer(after: number, timeoutMs: number, signal: AbortSignal): Promise<InboxMessage[]> {
    const deadline = Date.now() + timeoutMs;
    const answer: InboxMessage[] = [];
    for (;;) {
      const waitMs = answer.length > 0 ? QUIET_MS : Math.min(deadline - Date.now(), POLL_MS);
      const messages = waitMs > 0 ? await this.read(answer.at(-1)?.seq ?? after, waitMs, signal) : [];
      answer.push(...messages);
      if (messages.length === 0 && (answer.length > 0 || Date.now() >= deadline)) return answer;
    }
  }

  #messages(after: number, waitMs: number, signal?: AbortSignal): Promise<InboxPage> {
    return this.#call(`/messages?after=${after}&wait=${waitMs / 1_000}`, { signal: signal ?? null });
  }

  async #call<T>(path: string, init: RequestInit): Promise<T> {
    const response = await fetch(this.#address + path, init).catch((error: unknown) => {
      if (init.signal?.aborted) throw error;
      throw notRunning();
    });
    if (!response.ok) throw new PhoneError(`The twin answered HTTP ${response.status}: ${await response.text()}`);
    return (await response.json()) as T;
  }
}
