import type { EventLog } from '../event-log.js';
import type { Pending } from '../pending.js';
import type { Deliveries } from './deliveries.js';
import type { FormAnswer, FormSender } from './form-sender.js';
import { inboundForm } from './inbound-form.js';
import type { OptOutType } from './opt-outs.js';
import { readAnswer, TwimlError } from './twiml.js';
import type { TwimlMessage } from './twiml.js';
import type { Webhook } from './webhook.js';

export interface InboundText {
  sid: string;
  phone: string;
  to: string;
  body: string;
  media_urls: readonly string[];
  opt_out_type?: OptOutType | undefined;
  extra: Readonly<Record<string, string>>;
}

/** `http_status` is null when the app never answered, or when nobody waited for it; `error` says why. */
export interface TextResult {
  message_sid: string;
  http_status: number | null;
  twiml_messages: number;
  waited_ms: number;
  attempts: number;
  error?: string;
}

export interface WebhookPolicy {
  /** For everything: all attempts and the pauses between them. Twilio's limit is 15 s. */
  timeoutMs: number;
  retries: number;
  /** Multiplied by the number of attempts so far. */
  retryPauseMs: number;
}

const reason = (error: unknown): string => {
  const { message, code } = error as { message?: string; code?: string };
  return message || code || String(error);
};

/** Brings a text to the app's webhook, as often as it takes, and the messages of the answer to the phones. */
export class InboundDelivery {
  constructor(
    private readonly parts: {
      accountSid: string;
      policy: WebhookPolicy;
      webhook: () => Webhook | null;
      sender: FormSender;
      deliveries: Deliveries;
      events: EventLog;
      pending: Pending;
    },
  ) {}

  /** `token` is the same for every attempt at one text: Twilio's idempotency token. */
  async deliver(text: InboundText, token: string, isDuplicate: boolean): Promise<TextResult> {
    const { accountSid, policy, events, pending } = this.parts;
    const webhook = this.parts.webhook();
    if (!webhook) throw new Error('The twin has no webhook to bring texts to');
    const form = inboundForm(accountSid, text);
    const startedAt = performance.now();
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.#post(webhook, form, token, policy.timeoutMs - (performance.now() - startedAt));
      const waited_ms = Math.round(performance.now() - startedAt);
      const result = { message_sid: text.sid, http_status: null, twiml_messages: 0, waited_ms, attempts: attempt };
      const seen = { sid: text.sid, attempt, is_duplicate: isDuplicate, waited_ms };
      let error: string;
      if (answer instanceof Error) {
        error = reason(answer);
        events.add({ type: 'webhook.failed', ...seen, error });
      } else {
        const messages = this.#read(text.sid, answer);
        events.add({ type: 'webhook.answered', ...seen, http_status: answer.status, twiml_messages: messages.length });
        this.#reply(text, webhook, messages);
        Object.assign(result, { http_status: answer.status, twiml_messages: messages.length });
        if (answer.status < 500) return result;
        error = `HTTP ${answer.status}`;
      }
      const pauseMs = policy.retryPauseMs * attempt;
      if (attempt > policy.retries || waited_ms + pauseMs >= policy.timeoutMs) return { ...result, error };
      await pending.pause(pauseMs);
    }
  }

  async #post(webhook: Webhook, form: Record<string, string>, token: string, timeoutMs: number): Promise<FormAnswer | Error> {
    try {
      return await this.parts.sender.post({
        signUrl: webhook.signUrl,
        url: webhook.requestUrl,
        form,
        headers: { 'i-twilio-idempotency-token': token },
        timeoutMs: Math.max(1, Math.round(timeoutMs)),
      });
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  #read(sid: string, { status, contentType, text }: FormAnswer): TwimlMessage[] {
    if (status < 200 || status > 299) return [];
    try {
      return readAnswer(contentType, text);
    } catch (error) {
      if (!(error instanceof TwimlError)) throw error;
      this.parts.events.add({ type: 'twiml.rejected', sid, code: error.code, error: error.message });
      return [];
    }
  }

  #reply({ sid, phone, to }: InboundText, webhook: Webhook, messages: readonly TwimlMessage[]): void {
    for (const message of messages) {
      this.parts.deliveries.acceptReply({
        direction: 'outbound-reply',
        from: message.from ?? to,
        to: message.to ?? phone,
        body: message.body,
        mediaUrls: message.mediaUrls,
        statusCallback: message.statusCallback === undefined ? null : webhook.resolve(message.statusCallback),
        inReplyToSid: sid,
      });
    }
  }
}
