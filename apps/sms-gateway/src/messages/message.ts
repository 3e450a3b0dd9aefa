import { sendable } from '@darkspere/platform';
import { z } from 'zod';
import { cleanText } from '../inbound/inbound-sms.js';

const E164 = /^\+[1-9]\d{1,14}$/;

/** `reply` and `confirmation` are what the platform itself sends. */
const Purpose = z
  .string()
  .regex(/^[a-z][a-z_]{0,39}$/, 'must be a word such as "transactional" or "marketing"')
  .refine((purpose) => purpose !== 'reply' && purpose !== 'confirmation' && purpose !== 'all', 'is reserved');

export const NewMessage = z
  .strictObject({
    from: z.string().regex(/^(?:\+[1-9]\d{1,14}|\d{3,8})$/, 'must be one of your numbers, such as +15550001000'),
    to: z.string().refine((to) => E164.test(to.replace(/^whatsapp:/, '')), 'must be a phone number in E.164 form, such as +15551234567'),
    body: z.string().transform(sendable).pipe(z.string().max(16_000, 'must have at most 16,000 characters')).default(''),
    purpose: Purpose,
    media_urls: z
      .array(
        z
          .string()
          .transform(cleanText)
          .pipe(z.url({ protocol: /^https?$/, error: 'must be an http(s) URL' })),
      )
      .max(10, 'at most 10')
      .optional(),
  })
  // Also when other fields are faulty: each is named.
  .refine((message) => message?.body?.trim?.() || message?.media_urls?.length, {
    path: ['body'],
    message: 'must not be empty without media',
    when: () => true,
  });
export type NewMessage = z.infer<typeof NewMessage>;

export const MessageId = z.object({ id: z.uuid('must be a message id') });

/** One that is nothing when cleaned would find everybody's messages. */
const Phone = z
  .string({ error: 'is required' })
  .max(64)
  .transform(cleanText)
  .refine((phone) => phone.trim() !== '', 'must not be empty');

export const MessageFilter = z.object({
  phone: Phone.optional(),
  before: z.uuid('must be a message id').optional(),
  limit: z.coerce
    .number({ error: 'must be a number' })
    .int('must be a whole number')
    .min(1, 'must be 1 to 200')
    .max(200, 'must be 1 to 200')
    .default(50),
});
export type MessageFilter = z.infer<typeof MessageFilter>;

export const ConsentFilter = z.object({ phone: Phone });
