import { z } from 'zod';
import { cleanText } from '../inbound/inbound-sms.js';

const field = z.string().transform(cleanText);

/** Twilio's status callback; more fields come and are not needed. */
export const DeliveryStatus = z
  .looseObject({
    MessageSid: field.pipe(z.string().regex(/^[\w-]{1,64}$/, 'must be a message SID')).optional(),
    SmsSid: field.pipe(z.string().regex(/^[\w-]{1,64}$/, 'must be a message SID')).optional(),
    MessageStatus: field.pipe(z.string().regex(/^[a-z_]{1,32}$/, 'must be a message status')).optional(),
    SmsStatus: field.pipe(z.string().regex(/^[a-z_]{1,32}$/, 'must be a message status')).optional(),
    ErrorCode: field.pipe(z.string().regex(/^\d{0,6}$/, 'must be an error code')).optional(),
  })
  // Also when other fields are faulty: each is named.
  .refine((form) => form?.MessageSid || form?.SmsSid, { path: ['MessageSid'], message: 'is required', when: () => true })
  .refine((form) => form?.MessageStatus || form?.SmsStatus, { path: ['MessageStatus'], message: 'is required', when: () => true });
export type DeliveryStatus = z.infer<typeof DeliveryStatus>;

/** `o`: our id of the message, put into the callback URL when it was handed out. */
export const StatusQuery = z.looseObject({ o: z.uuid().optional().catch(undefined) });
