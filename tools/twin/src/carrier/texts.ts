import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { EventLog } from '../event-log.js';
import type { FaultDice } from '../faults.js';
import type { Inbox } from '../inbox.js';
import type { Pending } from '../pending.js';
import type { InboundDelivery, InboundText, TextResult } from './inbound-delivery.js';
import { newMessage, newMessageSid } from './message.js';
import type { MessageStore } from './message-store.js';
import type { OptOuts } from './opt-outs.js';

/** A text as a phone sends it. `extra` adds fields to the webhook's form, or replaces them. */
export const Text = z.strictObject({
  to: z.string().min(1),
  body: z.string().default(''),
  media_urls: z.array(z.string()).max(10).default([]),
  message_sid: z.string().min(1).max(64).optional(),
  opt_out_type: z.enum(['STOP', 'START', 'HELP']).optional(),
  extra: z.record(z.string(), z.string()).default({}),
  /** false: answer at once, post the webhook meanwhile. */
  wait: z.boolean().default(true),
});
export type Text = z.infer<typeof Text>;

/** What the phones send. */
export class Texts {
  constructor(
    private readonly parts: {
      delivery: InboundDelivery;
      store: MessageStore;
      inbox: Inbox;
      optOuts: OptOuts;
      dice: FaultDice;
      events: EventLog;
      pending: Pending;
    },
  ) {}

  async send(phone: string, input: z.input<typeof Text>): Promise<TextResult> {
    const { wait, ...text } = Text.parse(input);
    const inbound = { ...text, phone, sid: text.message_sid ?? newMessageSid() };
    this.#record(inbound);
    const answered = this.#deliver(inbound);
    if (wait) return answered;
    return { message_sid: inbound.sid, http_status: null, twiml_messages: 0, waited_ms: 0, attempts: 0 };
  }

  #record({ sid, phone, to, body, media_urls: mediaUrls, opt_out_type: optOutType }: InboundText): void {
    const { store, events, dice, optOuts, inbox } = this.parts;
    if (!store.get(sid)) store.add(newMessage({ direction: 'inbound', from: phone, to, body, mediaUrls }, 'received', sid));
    events.add({ type: 'text.sent', sid, from: phone, to, body });
    if (!dice.faults.carrier_opt_out) return;
    const reply = optOuts.take(phone, to, body, optOutType);
    if (reply === null) return;
    inbox.push({ sid: newMessageSid(), from: to, to: phone, body: reply, media_urls: [], via: 'carrier', in_reply_to_sid: sid });
  }

  #deliver(inbound: InboundText): Promise<TextResult> {
    const { delivery, dice, pending } = this.parts;
    const token = randomUUID();
    const answered = delivery.deliver(inbound, token, false);
    pending.track(answered);
    if (dice.strikes('webhook_duplicate_rate')) {
      const isConcurrent = dice.draw('webhook_duplicate_order') < 0.5;
      const again = () => delivery.deliver(inbound, token, true);
      pending.track(isConcurrent ? again() : answered.then(again));
    }
    return answered;
  }
}
