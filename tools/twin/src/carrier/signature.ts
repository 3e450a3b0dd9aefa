import { createHmac } from 'node:crypto';

/** X-Twilio-Signature: HMAC-SHA1 over the URL followed by each field's name and value, by name. */
export const signature = (authToken: string, url: string, form: Readonly<Record<string, string>>): string => {
  let signed = url;
  for (const name of Object.keys(form).sort()) signed += name + form[name];
  return createHmac('sha1', authToken).update(signed, 'utf8').digest('base64');
};
