import { Inject, Injectable } from '@nestjs/common';
import twilio, { type Twilio } from 'twilio';
import { GATEWAY_ENV, type SmsGatewayEnv } from '../env.js';
import type { CarrierAccount } from './carrier-account.js';

/** Well below the age at which the reconciler looks a message up: by then no create call of ours is still under way. */
const TIMEOUT_MS = 10_000;
/** How many of the newest messages between two numbers a look-up reads. */
const LOOK_BACK = 200;

export interface Outgoing {
  messageId: string;
  from: string;
  to: string;
  body: string;
  mediaUrls: string[];
}

/** What the carrier made of a message. `unknown`: it may have it, ask before sending again; `isOver`: the call itself has ended. */
export type SendOutcome =
  | { kind: 'taken'; sid: string; status: string; errorCode: string | null }
  | { kind: 'refused'; errorCode: string }
  | { kind: 'not_taken'; reason: string }
  | { kind: 'unknown'; reason: string; isOver: boolean };

export interface CarrierMessage {
  sid: string;
  status: string;
  errorCode: string | null;
  body: string;
  createdAt: Date;
}

/** twilio-node has no base URL option: scheme and host of each call are replaced here, the path stays. */
class RebasedClient extends twilio.RequestClient {
  constructor(base: string | undefined) {
    super({ timeout: TIMEOUT_MS, keepAlive: true });
    if (!base) return;
    const request = this.request.bind(this);
    this.request = (options) => {
      const uri = new URL(options.uri);
      return request({ ...options, uri: base.replace(/\/+$/, '') + uri.pathname + uri.search });
    };
  }
}

/** The carrier's REST API. */
@Injectable()
export class CarrierClient {
  private readonly clients = new Map<string, { token: string; client: Twilio }>();

  constructor(@Inject(GATEWAY_ENV) private readonly env: SmsGatewayEnv) {}

  /** Where the carrier reports on a message: our id travels in the URL. */
  callbackUrl(messageId: string): string {
    return `${this.env.PUBLIC_BASE_URL}/sms/status?o=${messageId}`;
  }

  /** Never throws: each fault is an outcome that says whether the carrier can have the message. */
  async send(account: CarrierAccount, message: Outgoing): Promise<SendOutcome> {
    try {
      const created = await this.clientOf(account).messages.create({
        from: message.from,
        to: message.to,
        ...(message.body ? { body: message.body } : {}),
        ...(message.mediaUrls.length > 0 ? { mediaUrl: message.mediaUrls } : {}),
        statusCallback: this.callbackUrl(message.messageId),
      });
      return {
        kind: 'taken',
        sid: created.sid,
        status: created.status,
        errorCode: created.errorCode === null ? null : String(created.errorCode),
      };
    } catch (error) {
      return judge(error);
    }
  }

  /** The newest messages from one number to another, newest first. Throws when the carrier cannot be asked. */
  async list(account: CarrierAccount, from: string, to: string): Promise<CarrierMessage[]> {
    const messages = await this.clientOf(account).messages.list({ from, to, limit: LOOK_BACK, pageSize: LOOK_BACK });
    return messages.map((message) => ({
      sid: message.sid,
      status: message.status,
      errorCode: message.errorCode === null || message.errorCode === undefined ? null : String(message.errorCode),
      body: message.body ?? '',
      createdAt: message.dateCreated,
    }));
  }

  private clientOf(account: CarrierAccount): Twilio {
    const known = this.clients.get(account.accountSid);
    if (known?.token === account.authToken) return known.client;
    const client = twilio(account.accountSid, account.authToken, { httpClient: new RebasedClient(this.env.TWILIO_API_BASE) });
    this.clients.set(account.accountSid, { token: account.authToken, client });
    return client;
  }
}

/** Errors in which no byte of the request can have been read. */
const NEVER_ARRIVED = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);
/** Rate limits and our own credentials: the message is fine, the moment is not. */
const LATER_CODES = new Set([20003, 20429, 21611]);

const judge = (error: unknown): SendOutcome => {
  const { status, code, message } = error as { status?: number; code?: number | string; message?: string };
  if (typeof status === 'number') {
    if (status === 429 || status === 401 || LATER_CODES.has(Number(code)))
      return { kind: 'not_taken', reason: `http_${status}_${String(code)}` };
    if (status >= 400 && status < 500) return { kind: 'refused', errorCode: String(code ?? status) };
    return { kind: 'unknown', reason: `http_${status}`, isOver: true };
  }
  if (typeof code === 'string' && NEVER_ARRIVED.has(code)) return { kind: 'not_taken', reason: code };
  return { kind: 'unknown', reason: String(code ?? message ?? 'no answer'), isOver: false };
};
