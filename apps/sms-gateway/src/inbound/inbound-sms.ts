import { z } from 'zod';

/** Postgres has no NUL in text and no lone surrogate in JSON; a sender can put both into a form. */
export const cleanText = (text: string): string => text.replaceAll('\u0000', '').toWellFormed();

const first = z.union([z.string(), z.array(z.string()).transform((values) => values[0] ?? '')]).transform(cleanText);
/** An alphanumeric sender may have spaces in it. */
const address = first.pipe(
  z
    .string()
    .trim()
    .max(64)
    .regex(/^(?:[a-z]+:)?[^\s\p{Cc}:]+(?: [^\s\p{Cc}:]+)*$/u, 'must be a phone number, a short code, a name or a channel address'),
);

/** Twilio's inbound form. Fields vary and are added without notice: all are kept, only these are read. */
export const InboundSms = z
  .looseObject({
    MessageSid: first.pipe(z.string().regex(/^[\w-]{1,64}$/, 'must be a message SID')).optional(),
    SmsSid: first.pipe(z.string().regex(/^[\w-]{1,64}$/, 'must be a message SID')).optional(),
    From: address,
    To: address,
    Body: first.pipe(z.string().max(20_000)).default(''),
    NumMedia: first
      .pipe(z.string().regex(/^(?:\d|1\d|20)$/, 'must be a number from 0 to 20'))
      .transform(Number)
      .optional(),
    OptOutType: first.optional(),
  })
  // Also when other fields are faulty: each is named.
  .refine((form) => form?.MessageSid || form?.SmsSid, { path: ['MessageSid'], message: 'is required', when: () => true });
export type InboundSms = z.infer<typeof InboundSms>;

export interface Media {
  url: string;
  contentType: string | null;
}

const text = (value: unknown): string | null => (typeof value === 'string' ? cleanText(value) : null);

export const mediaOf = (form: InboundSms): Media[] =>
  Array.from({ length: form.NumMedia ?? 0 }, (_, i) => ({
    url: text(form[`MediaUrl${i}`]) ?? '',
    contentType: text(form[`MediaContentType${i}`]),
  })).filter((media) => media.url !== '');

/** Everything the carrier sent that has no column of its own. */
export const otherFields = (form: InboundSms): Record<string, unknown> => {
  const { MessageSid: _sid, SmsSid: _old, SmsMessageSid: _older, From: _from, To: _to, Body: _body, ...rest } = form;
  return Object.fromEntries(
    Object.entries(rest).map(([key, value]) => [
      cleanText(key),
      Array.isArray(value) ? value.map((one) => cleanText(String(one))) : cleanText(String(value)),
    ]),
  );
};

/** `whatsapp:+1…` → channel and phone; anything else is SMS (MMS included). */
export const channelOf = (address: string): { channel: 'sms' | 'whatsapp'; phone: string } =>
  address.startsWith('whatsapp:') ? { channel: 'whatsapp', phone: address.slice('whatsapp:'.length) } : { channel: 'sms', phone: address };

/** The address that the carrier expects for a phone on a channel. */
export const addressOn = (channel: string, phone: string): string => (channel === 'whatsapp' ? `whatsapp:${phone}` : phone);
