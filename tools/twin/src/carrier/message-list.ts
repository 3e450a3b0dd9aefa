import { messageResource, messagesPath } from './message.js';
import type { MessageFilter, MessageStore } from './message-store.js';

type Query = Readonly<Record<string, string | undefined>>;

const DAY_MS = 86_400_000;
const DEFAULT_PAGE_SIZE = 50;
const MAX_PAGE_SIZE = 1_000;

/** A date stands for its whole day where equality is asked for, else for its midnight; times are exact. */
const sentOn = (value: string): { sentFromMs: number; sentToMs: number } => {
  const startMs = Date.parse(value);
  return { sentFromMs: startMs, sentToMs: value.length === 'YYYY-MM-DD'.length ? startMs + DAY_MS - 1 : startMs };
};

/** Twilio spells "on or after" `DateSent>=value`, which arrives as a parameter named `DateSent>`. */
export const messageFilter = (query: Query): MessageFilter => {
  const { To: to, From: from, DateSent: on, 'DateSent>': after, 'DateSent<': before } = query;
  return {
    ...(to && { to }),
    ...(from && { from }),
    ...(after && { sentFromMs: Date.parse(after) }),
    ...(before && { sentToMs: Date.parse(before) }),
    ...(on && sentOn(on)),
  };
};

const wholeNumber = (value: string | undefined, fallback: number): number => {
  const number = Number(value);
  return value && Number.isSafeInteger(number) && number >= 0 ? number : fallback;
};

/** One page of the list in Twilio's own shape; a page token names the last message of the page before. */
export const messagesPage = (store: MessageStore, filter: MessageFilter, query: Query, accountSid: string) => {
  const pageSize = Math.min(Math.max(wholeNumber(query['PageSize'], DEFAULT_PAGE_SIZE), 1), MAX_PAGE_SIZE);
  const page = wholeNumber(query['Page'], 0);
  const afterSid = query['PageToken']?.replace(/^PA/, '');
  const { messages, hasMore } = store.list(filter, { size: pageSize, skip: page * pageSize, afterSid });
  const uri = (number: number, lastSid?: string): string => {
    const { PageToken: _, ...filters } = query;
    const parameters = { ...filters, PageSize: String(pageSize), Page: String(number), ...(lastSid && { PageToken: `PA${lastSid}` }) };
    return `${messagesPath(accountSid)}.json?${new URLSearchParams(parameters as Record<string, string>)}`;
  };
  return {
    end: page * pageSize + Math.max(messages.length - 1, 0),
    first_page_uri: uri(0),
    messages: messages.map((message) => messageResource(message, accountSid)),
    next_page_uri: hasMore ? uri(page + 1, messages.at(-1)?.sid) : null,
    page,
    page_size: pageSize,
    previous_page_uri: page > 0 ? uri(page - 1) : null,
    start: page * pageSize,
    uri: uri(page, afterSid),
  };
};
