import type { SentText } from './load.js';
import type { InboxMessage, TwinEvent } from './twin.client.js';

/** A message in a phone's inbox, with the texts that it answers. */
export interface Reception {
  message: InboxMessage;
  markers: readonly string[];
}

export interface Inboxes {
  /** By marker: each message that answered it, the first one first. */
  byMarker: Map<string, InboxMessage[]>;
  /** In the order of arrival, by phone and number; without repeats. */
  conversations: Map<string, Reception[]>;
  /** The same TwiML again for a SID that the carrier had posted again: what the design promises to a repeated SID. */
  repeats: InboxMessage[];
  /** Nobody's answer: a marker of another phone's text, or words that no agent said. */
  strays: InboxMessage[];
}

const MARKER = /\[t\d+[a-z]?\]/g;

export const conversationOf = (phone: string, number: string): string => `${phone} ${number}`;

/** Tells what each phone received, for phones whose agents echo. `postedTwice`: SIDs that the carrier posted in more than one go. */
export const readInboxes = (
  sent: readonly SentText[],
  inbox: readonly InboxMessage[],
  apology: string,
  postedTwice: ReadonlySet<string>,
): Inboxes => {
  const owner = new Map(sent.flatMap((text) => text.markers.map((marker) => [marker, text] as const)));
  const found: Inboxes = { byMarker: new Map(), conversations: new Map(), repeats: [], strays: [] };
  const given = new Set<string>();
  for (const message of inbox) {
    const twiml = `${message.in_reply_to_sid}\n${message.body}`;
    if (message.via === 'twiml' && given.has(twiml) && postedTwice.has(message.in_reply_to_sid!)) {
      found.repeats.push(message);
      continue;
    }
    if (message.via === 'twiml') given.add(twiml);
    const markers = message.body.match(MARKER) ?? [];
    const isTheirs = markers.every((marker) => owner.get(marker)?.phone === message.to && owner.get(marker)?.number === message.from);
    const isApology = message.body === apology;
    if (!isApology && (markers.length === 0 || !isTheirs || message.via === 'carrier')) found.strays.push(message);
    for (const marker of isTheirs ? markers : []) append(found.byMarker, marker, message);
    append(found.conversations, conversationOf(message.to, message.from), { message, markers: isTheirs ? markers : [] });
  }
  return found;
};

/**
 * Phones that text the built-in team wait for each answer before they text again, so a message belongs to the newest
 * text before it. Returns the messages of each text, by SID.
 */
export const readTeamInboxes = (
  sent: readonly SentText[],
  inbox: readonly InboxMessage[],
  sentAt: (sid: string) => number,
  postedTwice: ReadonlySet<string>,
): { answers: Map<string, InboxMessage[]>; repeats: InboxMessage[] } => {
  const byPhone = new Map<string, SentText[]>();
  for (const text of sent) append(byPhone, text.phone, text);
  const answers = new Map<string, InboxMessage[]>();
  const repeats: InboxMessage[] = [];
  const given = new Set<string>();
  for (const message of inbox) {
    const twiml = `${message.in_reply_to_sid}\n${message.body}`;
    if (message.via === 'twiml' && given.has(twiml) && postedTwice.has(message.in_reply_to_sid!)) {
      repeats.push(message);
      continue;
    }
    if (message.via === 'twiml') given.add(twiml);
    const text = (byPhone.get(message.to) ?? []).findLast(({ sid }) => sentAt(sid) <= message.at);
    if (text) append(answers, text.sid, message);
  }
  return { answers, repeats };
};

/** SIDs that the carrier posted in more than one go: by its own fault, or because we did. Retries of one go don't count. */
export const postedTwice = (log: readonly TwinEvent[], reposted: readonly string[]): Set<string> =>
  new Set([...reposted, ...log.filter((event) => event.is_duplicate === true).map(({ sid }) => sid)]);

export const append = <K, V>(lists: Map<K, V[]>, key: K, value: V): void => {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
};
