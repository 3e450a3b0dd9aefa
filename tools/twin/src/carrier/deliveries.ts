import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EventLog } from '../event-log.js';
import type { FaultDice } from '../faults.js';
import type { Inbox } from '../inbox.js';
import type { Pending } from '../pending.js';
import { checkAddresses } from './address.js';
import { CarrierError } from './carrier-error.js';
import { newMessage } from './message.js';
import type { Message } from './message.js';
import type { MessageStore } from './message-store.js';
import type { OptOuts } from './opt-outs.js';
import type { StatusCallbacks } from './status-callbacks.js';

export interface Outbound {
  direction: 'outbound-api' | 'outbound-reply';
  from: string;
  to: string;
  body: string;
  mediaUrls: readonly string[];
  statusCallback: string | null;
  inReplyToSid: string | null;
}

const MAX_BODY_LENGTH = 1_600;
const isHttpUrl = (url: string): boolean => /^https?:/i.test(url) && URL.canParse(url);
const UNREACHABLE = { code: 30003, message: 'Unreachable destination handset' };

/** Takes messages from the app and brings them to the phones. */
export class Deliveries {
  constructor(
    private readonly parts: {
      store: MessageStore;
      inbox: Inbox;
      optOuts: OptOuts;
      callbacks: StatusCallbacks;
      dice: FaultDice;
      events: EventLog;
      pending: Pending;
    },
  ) {}

  /** Queues a message; it is delivered right after the caller has its answer. Throws `CarrierError` if refused. */
  accept(outbound: Outbound): Message {
    this.#check(outbound);
    const message = newMessage(outbound, 'queued');
    this.#record(message, outbound);
    this.parts.pending.track(nextTurn().then(() => this.#deliver(message, outbound)));
    return message;
  }

  /** As `accept` for a message of a TwiML answer: a refusal has no caller, so it becomes a failed message. */
  acceptReply(outbound: Outbound): Message {
    try {
      return this.accept(outbound);
    } catch (error) {
      if (!(error instanceof CarrierError)) throw error;
      const message = newMessage(outbound, 'failed');
      message.error = { code: error.code, message: error.message };
      this.#record(message, outbound);
      this.#fail(message, { ...outbound, statusCallback: error.code === 21609 ? null : outbound.statusCallback }, ['failed']);
      return message;
    }
  }

  #check({ from, to, body, mediaUrls, statusCallback }: Outbound): void {
    checkAddresses(from, to);
    if (statusCallback !== null && !isHttpUrl(statusCallback)) throw new CarrierError(21609);
    if (body === '' && mediaUrls.length === 0) throw new CarrierError(21602);
    if (body.length > MAX_BODY_LENGTH) throw new CarrierError(21617);
    const { dice, optOuts } = this.parts;
    if (dice.faults.carrier_opt_out && optOuts.isBlocked(to, from)) throw new CarrierError(21610);
  }

  #record(message: Message, { statusCallback, inReplyToSid }: Outbound): void {
    const { sid, direction, from, to, body } = message;
    this.parts.store.add(message);
    this.parts.events.add({
      type: 'message.created',
      sid,
      direction,
      from,
      to,
      body,
      status_callback: statusCallback,
      in_reply_to_sid: inReplyToSid,
    });
  }

  #deliver(message: Message, outbound: Outbound): void {
    const now = new Date();
    message.sentAt = now;
    message.updatedAt = now;
    if (this.parts.dice.strikes('delivery_fail_rate')) {
      message.status = 'undelivered';
      message.error = UNREACHABLE;
      this.#fail(message, outbound, ['sent', 'undelivered']);
      return;
    }
    const { sid, from, to, body, mediaUrls } = message;
    const via = outbound.direction === 'outbound-reply' ? 'twiml' : 'rest';
    message.status = 'delivered';
    this.parts.inbox.push({
      sid,
      from,
      to,
      body,
      media_urls: [...mediaUrls],
      via,
      ...(outbound.inReplyToSid !== null && { in_reply_to_sid: outbound.inReplyToSid }),
    });
    this.parts.events.add({ type: 'message.delivered', sid, from, to, via });
    this.#announce(message, outbound, ['sent', 'delivered']);
  }

  #fail(message: Message, outbound: Outbound, statuses: Message['status'][]): void {
    this.parts.events.add({
      type: 'message.failed',
      sid: message.sid,
      status: message.status,
      error_code: message.error?.code ?? 0,
    });
    this.#announce(message, outbound, statuses);
  }

  #announce(message: Message, { statusCallback }: Outbound, statuses: Message['status'][]): void {
    if (statusCallback !== null) this.parts.callbacks.announce(message, statusCallback, statuses);
  }
}
