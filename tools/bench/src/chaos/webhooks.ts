import { append } from './receptions.js';
import type { TwinEvent } from './twin.client.js';

/** How the app took a text, as the carrier saw it. */
export interface Webhook {
  /** When the phone sent it. */
  sentAt: number;
  /** The carrier's number of that moment: the order in which phones sent. */
  sentSeq: number;
  isAccepted: boolean;
  /** With all retries of the first go; null: it never ended with an answer. */
  waitedMs: number | null;
  attempts: number;
  /** The carrier waited its whole 15 s. */
  isTimedOut: boolean;
  /** Why the last try failed; null: it did not. */
  fault: string | null;
}

/** By SID. Duplicates of a webhook are not the text's own way in: only the first go counts. */
export const readWebhooks = (log: readonly TwinEvent[]): Map<string, Webhook> => {
  const events = new Map<string, TwinEvent[]>();
  for (const event of log) if (event.type === 'text.sent' || event.type.startsWith('webhook.')) append(events, event.sid, event);
  return new Map([...events].map(([sid, list]) => [sid, webhookOf(list)]));
};

const webhookOf = (events: readonly TwinEvent[]): Webhook => {
  const sent = events.find(({ type }) => type === 'text.sent')!;
  const posts = events.filter(({ type }) => type !== 'text.sent');
  const own = posts.filter((event) => event.is_duplicate === false);
  const answered = own.find(isGood);
  const last = answered ?? own.at(-1);
  return {
    sentAt: sent.at,
    sentSeq: sent.seq,
    isAccepted: posts.some(isGood),
    waitedMs: answered?.waited_ms ?? null,
    attempts: Math.max(0, ...own.map(({ attempt }) => attempt ?? 0)),
    isTimedOut: own.some(({ error }) => /no answer within/.test(error ?? '')),
    fault: last === undefined ? 'the carrier did not post it' : isGood(last) ? null : (last.error ?? `HTTP ${last.http_status}`),
  };
};

const isGood = ({ type, http_status: status = 0 }: TwinEvent): boolean => type === 'webhook.answered' && status >= 200 && status < 300;
