import { randomUUID } from 'node:crypto';
import { segmentCount } from './segments.js';

export const API_VERSION = '2010-04-01';

export type Direction = 'inbound' | 'outbound-api' | 'outbound-reply';
export type MessageStatus = 'received' | 'queued' | 'sent' | 'delivered' | 'undelivered' | 'failed';

export interface Message {
  readonly sid: string;
  readonly direction: Direction;
  readonly from: string;
  readonly to: string;
  readonly body: string;
  readonly mediaUrls: readonly string[];
  readonly segments: number;
  readonly createdAt: Date;
  updatedAt: Date;
  sentAt: Date | null;
  status: MessageStatus;
  error: { code: number; message: string } | null;
}

export const newMessageSid = (): string => `SM${randomUUID().replaceAll('-', '')}`;

export const newMessage = (
  fields: Pick<Message, 'direction' | 'from' | 'to' | 'body' | 'mediaUrls'>,
  status: MessageStatus,
  sid = newMessageSid(),
): Message => {
  const now = new Date();
  const sentAt = status === 'received' ? now : null;
  return { sid, ...fields, segments: segmentCount(fields.body), createdAt: now, updatedAt: now, sentAt, status, error: null };
};

/** Twilio's date format: RFC 2822, always UTC, whole seconds. */
const rfc2822 = (date: Date | null): string | null => date && date.toUTCString().replace('GMT', '+0000');

export const messagesPath = (accountSid: string): string => `/${API_VERSION}/Accounts/${accountSid}/Messages`;

/** The Message resource as the REST API shows it. */
export const messageResource = (message: Message, accountSid: string) => {
  const path = `${messagesPath(accountSid)}/${message.sid}`;
  return {
    account_sid: accountSid,
    api_version: API_VERSION,
    body: message.body,
    date_created: rfc2822(message.createdAt),
    date_sent: rfc2822(message.sentAt),
    date_updated: rfc2822(message.updatedAt),
    direction: message.direction,
    error_code: message.error?.code ?? null,
    error_message: message.error?.message ?? null,
    from: message.from,
    messaging_service_sid: null,
    num_media: String(message.mediaUrls.length),
    num_segments: String(message.segments),
    price: null,
    price_unit: 'USD',
    sid: message.sid,
    status: message.status,
    subresource_uris: { media: `${path}/Media.json` },
    to: message.to,
    uri: `${path}.json`,
  };
};
