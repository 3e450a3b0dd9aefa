import { z } from 'zod';
import { cleanText } from '../inbound/inbound-sms.js';

const Number = z
  .string()
  .regex(/^(?:\+[1-9]\d{1,14}|\d{3,8})$/, 'must be a phone number in E.164 form, such as +15550001000, or a short code');

export const NewNumber = z.strictObject({
  phone_number: Number,
  /** Without one, any agent of the account answers. */
  agent_id: z.uuid('must be an agent id').nullish(),
});
export type NewNumber = z.infer<typeof NewNumber>;

export const NumberPath = z.object({ phone_number: z.string().max(32).transform(cleanText) });
