import { API_VERSION } from './message.js';
import { segmentCount } from './segments.js';
import type { OptOutType } from './opt-outs.js';

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  png: 'image/png',
  gif: 'image/gif',
  mp4: 'video/mp4',
  mp3: 'audio/mpeg',
  pdf: 'application/pdf',
};

const mediaType = (url: string): string => MEDIA_TYPES[/\.(\w+)(?:[?#].*)?$/.exec(url)?.[1]?.toLowerCase() ?? ''] ?? 'image/jpeg';

/** The fields of Twilio's inbound webhook: https://www.twilio.com/docs/messaging/guides/webhook-request */
export const inboundForm = (
  accountSid: string,
  text: {
    sid: string;
    phone: string;
    to: string;
    body: string;
    media_urls: readonly string[];
    opt_out_type?: OptOutType | undefined;
    extra: Readonly<Record<string, string>>;
  },
): Record<string, string> => {
  const form: Record<string, string> = {
    AccountSid: accountSid,
    ApiVersion: API_VERSION,
    // A lone surrogate becomes U+FFFD when the form is encoded: the signature must cover what is sent.
    Body: Buffer.from(text.body).toString(),
    From: text.phone,
    MessageSid: text.sid,
    NumMedia: String(text.media_urls.length),
    NumSegments: String(segmentCount(text.body)),
    SmsMessageSid: text.sid,
    SmsSid: text.sid,
    SmsStatus: 'received',
    To: text.to,
  };
  text.media_urls.forEach((url, index) => {
    form[`MediaUrl${index}`] = url;
    form[`MediaContentType${index}`] = mediaType(url);
  });
  if (text.opt_out_type) form['OptOutType'] = text.opt_out_type;
  if (text.phone.startsWith('whatsapp:')) {
    form['WaId'] = text.phone.replace(/\D/g, '');
    form['ProfileName'] = 'Twin';
  } else {
    Object.assign(form, { FromCountry: 'US', FromState: '', FromCity: '', FromZip: '' });
    Object.assign(form, { ToCountry: 'US', ToState: '', ToCity: '', ToZip: '' });
  }
  return Object.assign(form, text.extra);
};
