import segmentsCalculator from 'sms-segments-calculator';

export interface Part {
  body: string;
  segments: number;
  encoding: 'GSM-7' | 'UCS-2';
}

/** Twilio refuses longer bodies (21617). */
export const LONGEST_BODY = 1_600;

// The GSM-7 characters that cost one septet each: most texts, decided without building an object per character.
const PLAIN = /^[\n\r !"#$%&'()*+,\-./0-9:;<=>?@A-Z_a-z£¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà]*$/;

/** How many segments the carrier will bill for a text as it is. */
export const countSegments = (body: string): Omit<Part, 'body'> => {
  if (PLAIN.test(body)) return { segments: body.length <= 160 ? 1 : Math.ceil(body.length / 153), encoding: 'GSM-7' };
  const message = new segmentsCalculator.SegmentedMessage(body, 'auto', false);
  return { segments: Math.max(1, message.segmentsCount), encoding: message.encodingName };
};

/** Typographic quotes, dashes and spaces become plain ones (Twilio's smart encoding) where that lets a text fit GSM-7. */
const smarten = (body: string): string => {
  if (PLAIN.test(body)) return body;
  const smart = new segmentsCalculator.SegmentedMessage(body, 'auto', true);
  return smart.encodingName === 'GSM-7' ? smart.graphemes.join('') : body;
};

/** A text without what no phone shows and TwiML cannot hold: control characters other than line ends and tabs, halves of characters. */
export const sendable = (text: string): string => text.replace(/(?![\t\n\r])[\p{Cc}\ufffe\uffff]/gu, '').toWellFormed();

/** Where to cut: after a paragraph, a sentence or a word in the last third; else between two whole characters. */
const cutAt = (text: string, limit: number): number => {
  const head = text.slice(0, limit);
  for (const boundary of [/\n\s*\n/g, /\n/g, /[.!?…]["')\]]?\s/g, /\s/g]) {
    const last = [...head.matchAll(boundary)].at(-1);
    if (last && last.index + last[0].length > (limit * 2) / 3) return last.index + last[0].length;
  }
  const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  let end = 0;
  for (const { index, segment } of segmenter.segment(text.slice(0, limit + 64))) {
    if (index + segment.length > limit) break;
    end = index + segment.length;
  }
  return end || limit;
};

/** One message or several of at most 1,600 characters, in order; nothing that can be sent is lost but space at the cuts. */
export const splitReply = (body: string): Part[] => {
  const parts: Part[] = [];
  let rest = smarten(sendable(body).trim());
  while (rest.length > LONGEST_BODY) {
    const end = cutAt(rest, LONGEST_BODY);
    const part = rest.slice(0, end).trimEnd();
    if (part) parts.push({ body: part, ...countSegments(part) });
    rest = rest.slice(end).trimStart();
  }
  if (rest || parts.length === 0) parts.push({ body: rest, ...countSegments(rest) });
  return parts;
};
