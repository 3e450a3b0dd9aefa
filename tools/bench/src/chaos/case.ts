import type { StoredText } from './evidence.js';
import type { SentText } from './load.js';
import type { InboxMessage } from './twin.client.js';
import type { Webhook } from './webhooks.js';

export type FindingKind =
  'lost' | 'doubled' | 'misordered' | 'late' | 'late_gateway_died' | 'late_carrier' | 'never_accepted' | 'stray' | 'slow_recovery';

export interface Finding {
  kind: FindingKind;
  /** The text; null for a message that belongs to none. */
  sid: string | null;
  why: string;
  /** The other text of a pair. */
  other?: string;
}

/** A text with all that is known of it. */
export interface Case {
  text: SentText;
  webhook: Webhook | undefined;
  stored: StoredText | undefined;
  /** By marker, or one list for a text without markers. */
  received: InboxMessage[][];
  isApologised: boolean;
}

export const isStoredOrAccepted = ({ stored, webhook }: Case): boolean => stored !== undefined || webhook?.isAccepted === true;

export const isAnswered = ({ received }: Case): boolean => received.every((messages) => messages.length > 0);

export const isTouched = ({ received }: Case): boolean => received.some((messages) => messages.length > 0);

export const firstReception = (one: Case | undefined): InboxMessage | null =>
  one?.received.flatMap((messages) => messages.slice(0, 1)).toSorted((a, b) => a.seq - b.seq)[0] ?? null;
