import { parseXml, XmlError } from './xml.js';
import type { XmlElement } from './xml.js';

export interface TwimlMessage {
  body: string;
  mediaUrls: string[];
  /** Left out: the sender of the text. */
  to?: string;
  /** Left out: the number that was texted. */
  from?: string;
  /** Where delivery states go, as written: it may be relative to the webhook. */
  statusCallback?: string;
}

/** `code` is the one that Twilio's debugger shows. */
export class TwimlError extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

/** Twilio reads no more of an answer than this. */
const MAX_LENGTH = 64 * 1024;

const ownText = (element: XmlElement): string => element.children.filter((child) => typeof child === 'string').join('');

const elements = (parent: XmlElement, ...names: string[]): XmlElement[] =>
  parent.children.filter((child): child is XmlElement => typeof child !== 'string' && names.includes(child.name));

const body = (message: XmlElement): string => {
  const bodies = elements(message, 'Body');
  if (bodies.length > 0) return bodies.map(ownText).join('');
  const text = ownText(message);
  // Text beside elements, or nothing but white space, is only the layout of the document.
  return text.trim() === '' || message.children.some((child) => typeof child !== 'string') ? text.trim() : text;
};

const readMessage = (message: XmlElement): TwimlMessage => {
  const { to, from, action, statusCallback } = message.attributes;
  return {
    body: body(message),
    mediaUrls: elements(message, 'Media').map((media) => ownText(media).trim()),
    ...(to && { to }),
    ...(from && { from }),
    ...((action ?? statusCallback) && { statusCallback: action ?? statusCallback }),
  };
};

const readResponse = (source: string): TwimlMessage[] => {
  let root: XmlElement;
  try {
    root = parseXml(source);
  } catch (error) {
    if (error instanceof XmlError) throw new TwimlError(12100, `Document parse failure: ${error.message}`);
    throw error;
  }
  if (root.name !== 'Response') throw new TwimlError(12100, 'Document parse failure: the document element is not <Response>');
  return elements(root, 'Message', 'Sms').map(readMessage);
};

/** The messages of a webhook's answer, read as Twilio does: TwiML from XML, one message from plain text, else 12300. */
export const readAnswer = (contentType: string, source: string): TwimlMessage[] => {
  if (source.length > MAX_LENGTH) throw new TwimlError(11750, 'The answer is larger than 64 kB');
  if (source.trim() === '') return [];
  if (/\b(?:xml|html)\b/i.test(contentType)) return readResponse(source);
  if (/^text\/plain\b/i.test(contentType)) return [{ body: source, mediaUrls: [] }];
  throw new TwimlError(12300, `Invalid Content-Type: ${contentType || 'none'}`);
};
