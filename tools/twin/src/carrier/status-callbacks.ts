import type { EventLog } from '../event-log.js';
import type { FaultDice } from '../faults.js';
import type { Pending } from '../pending.js';
import type { FormSender } from './form-sender.js';
import { API_VERSION } from './message.js';
import type { Message, MessageStatus } from './message.js';
import type { Webhook } from './webhook.js';

const ATTEMPTS = 4;
const RETRY_PAUSE_MS = 250;
const TIMEOUT_MS = 15_000;

/** Tells the app what became of a message it sent, in order unless a fault says otherwise. */
export class StatusCallbacks {
  constructor(
    private readonly parts: {
      accountSid: string;
      sender: FormSender;
      webhook: () => Webhook | null;
      dice: FaultDice;
      events: EventLog;
      pending: Pending;
    },
  ) {}

  announce(message: Message, callbackUrl: string, statuses: readonly MessageStatus[]): void {
    this.parts.pending.track(this.#announce(message, callbackUrl, statuses));
  }

  async #announce(message: Message, callbackUrl: string, statuses: readonly MessageStatus[]): Promise<void> {
    const { callback_delay_ms: delayMs } = this.parts.dice.faults;
    if (delayMs > 0) await this.parts.pending.pause(delayMs);
    const order = this.parts.dice.strikes('callback_reorder_rate') ? statuses.toReversed() : statuses;
    for (const status of order) {
      if (this.parts.dice.strikes('callback_drop_rate')) {
        this.parts.events.add({ type: 'callback.dropped', sid: message.sid, status });
        continue;
      }
      await this.#post(message, callbackUrl, status);
      if (this.parts.dice.strikes('callback_duplicate_rate')) await this.#post(message, callbackUrl, status);
    }
  }

  async #post(message: Message, callbackUrl: string, status: MessageStatus): Promise<void> {
    const { sid } = message;
    const post = {
      signUrl: callbackUrl,
      url: this.parts.webhook()?.reach(callbackUrl) ?? new URL(callbackUrl),
      form: this.#form(message, status),
      timeoutMs: TIMEOUT_MS,
    };
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      try {
        const answer = await this.parts.sender.post(post);
        this.parts.events.add({ type: 'callback.sent', sid, status, attempt, http_status: answer.status });
        return;
      } catch (error) {
        this.parts.events.add({ type: 'callback.failed', sid, status, attempt, error: String(error) });
      }
      if (attempt < ATTEMPTS) await this.parts.pending.pause(RETRY_PAUSE_MS * attempt);
    }
  }

  #form({ sid, from, to, error }: Message, status: MessageStatus): Record<string, string> {
    const hasFailed = status === 'undelivered' || status === 'failed';
    return {
      AccountSid: this.parts.accountSid,
      ApiVersion: API_VERSION,
      From: from,
      MessageSid: sid,
      MessageStatus: status,
      SmsSid: sid,
      SmsStatus: status,
      To: to,
      ...(hasFailed && error && { ErrorCode: String(error.code), ErrorMessage: error.message }),
    };
  }
}
