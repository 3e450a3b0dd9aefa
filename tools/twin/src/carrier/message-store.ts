import { Ring } from '../ring.js';
import type { Message } from './message.js';

/** `sentFromMs` and `sentToMs` include their bounds and are compared in whole seconds, as the API shows dates. */
export interface MessageFilter {
  to?: string;
  from?: string;
  sentFromMs?: number;
  sentToMs?: number;
}

const CAPACITY = 200_000;

const matches = (message: Message, filter: MessageFilter): boolean => {
  if (filter.to !== undefined && message.to !== filter.to) return false;
  if (filter.from !== undefined && message.from !== filter.from) return false;
  if (filter.sentFromMs === undefined && filter.sentToMs === undefined) return true;
  if (!message.sentAt) return false;
  const sentMs = Math.floor(message.sentAt.getTime() / 1_000) * 1_000;
  return sentMs >= (filter.sentFromMs ?? -Infinity) && sentMs <= (filter.sentToMs ?? Infinity);
};

/** The carrier's record of messages in both directions; the oldest leave when it is full. */
export class MessageStore {
  readonly #order = new Ring<Message>(CAPACITY);
  readonly #bySid = new Map<string, Message>();

  add(message: Message): void {
    const evicted = this.#order.push(message);
    if (evicted) this.#bySid.delete(evicted.sid);
    this.#bySid.set(message.sid, message);
  }

  get(sid: string): Message | undefined {
    return this.#bySid.get(sid);
  }

  /** One page, newest first, that starts behind message `afterSid` (new messages do not shift it) or behind `skip` others. */
  list(
    filter: MessageFilter,
    page: { size: number; skip: number; afterSid?: string | undefined },
  ): { messages: Message[]; hasMore: boolean } {
    const messages: Message[] = [];
    let isPastStart = page.afterSid === undefined;
    let skip = isPastStart ? page.skip : 0;
    for (const message of this.#order.newestFirst()) {
      if (isPastStart && matches(message, filter) && skip-- <= 0) {
        if (messages.length === page.size) return { messages, hasMore: true };
        messages.push(message);
      }
      isPastStart ||= message.sid === page.afterSid;
    }
    return { messages, hasMore: false };
  }
}
