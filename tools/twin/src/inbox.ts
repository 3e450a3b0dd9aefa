import { Ring } from './ring.js';

/** `carrier`: the carrier's own answer to STOP or START. `at` is in milliseconds since 1970. */
export interface InboxMessage {
  seq: number;
  sid: string;
  from: string;
  to: string;
  body: string;
  media_urls: string[];
  via: 'twiml' | 'rest' | 'carrier';
  in_reply_to_sid?: string;
  at: number;
}

export interface InboxPage {
  messages: InboxMessage[];
  /** The newest sequence number of all phones: what to pass as `after` to see only what comes from now on. */
  last_seq: number;
}

const CAPACITY = 200_000;

/** What the phones have received. One sequence for all phones, so `after` also orders messages between phones. */
export class Inbox {
  readonly #phones = new Map<string, InboxMessage[]>();
  readonly #order = new Ring<string>(CAPACITY);
  readonly #waiting = new Map<string, Set<() => void>>();
  #isClosed = false;

  push(message: Omit<InboxMessage, 'seq' | 'at'>): void {
    this.#forget(this.#order.push(message.to));
    const entry = { seq: this.#order.lastSeq, ...message, at: Date.now() };
    const messages = this.#phones.get(message.to);
    if (messages) messages.push(entry);
    else this.#phones.set(message.to, [entry]);
    this.#waiting.get(message.to)?.forEach((wake) => wake());
  }

  read(phone: string, after: number): InboxPage {
    const messages = this.#phones.get(phone) ?? [];
    const start = messages.findLastIndex((message) => message.seq <= after) + 1;
    return { messages: messages.slice(start), last_seq: this.#order.lastSeq };
  }

  /** As `read`, but waits up to `waitMs` for a first message. */
  async wait(phone: string, after: number, waitMs: number): Promise<InboxPage> {
    const page = this.read(phone, after);
    if (page.messages.length > 0 || waitMs <= 0 || this.#isClosed) return page;
    await this.#arrival(phone, waitMs);
    return this.read(phone, after);
  }

  /** Nobody waits any longer. */
  close(): void {
    this.#isClosed = true;
    for (const waiting of this.#waiting.values()) waiting.forEach((wake) => wake());
  }

  #arrival(phone: string, waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(phone) ?? new Set();
      this.#waiting.set(phone, waiting);
      const wake = () => {
        clearTimeout(timer);
        waiting.delete(wake);
        if (waiting.size === 0) this.#waiting.delete(phone);
        resolve();
      };
      const timer = setTimeout(wake, waitMs);
      waiting.add(wake);
    });
  }

  #forget(phone: string | undefined): void {
    if (phone === undefined) return;
    const messages = this.#phones.get(phone);
    messages?.shift();
    if (messages?.length === 0) this.#phones.delete(phone);
  }
}
