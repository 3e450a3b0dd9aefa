import { randomBytes, randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { DomainError, readTextIntent, type ReadIntent } from '@darkspere/domain';
import { SecretBox, countSegments } from '@darkspere/platform';
import type { CarrierAccount } from '../carrier/carrier-account.js';
import { GATEWAY_ENV, type SmsGatewayEnv } from '../env.js';
import { Doorbell } from './doorbell.js';
import { observeAccept } from './inbound.metrics.js';
import { channelOf, mediaOf, otherFields, type InboundSms } from './inbound-sms.js';
import { InboundRepository } from './inbound.repository.js';
import { ReplyWaiter, type TakenReply } from './reply-waiter.js';

/** If this gateway dies while it waits, its offer ends by itself so long after the budget. */
const OFFER_GRACE_MS = 1_000;
const OPT_OUT_TYPES: Readonly<Record<string, ReadIntent['intent']>> = { STOP: 'opt_out', START: 'opt_in', HELP: 'help' };
const TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

@Injectable()
export class InboundService {
  private readonly handleOf: (composite: string) => string;

  constructor(
    private readonly inbound: InboundRepository,
    private readonly waiter: ReplyWaiter,
    private readonly doorbell: Doorbell,
    secrets: SecretBox,
    @Inject(GATEWAY_ENV) private readonly env: SmsGatewayEnv,
  ) {
    this.handleOf = secrets.macFor('session handle');
  }

  /**
   * Stores a text, wakes whoever runs turns, and waits for the answer within the budget. Null: nothing to say here.
   * Throws `number_not_found`.
   */
  async accept(sms: InboundSms, carrier: CarrierAccount, traceparent: string | undefined): Promise<TakenReply | null> {
    const receivedAt = new Date();
    const deadline = receivedAt.getTime() + this.env.REPLY_BUDGET_MS;
    const from = channelOf(sms.From);
    const to = channelOf(sms.To);
    const carrierIntent = OPT_OUT_TYPES[(sms.OptOutType ?? '').toUpperCase()];
    const { intent, source } = carrierIntent ? { intent: carrierIntent, source: 'carrier' } : readTextIntent(sms.Body);
    const trace =
      traceparent && TRACEPARENT.test(traceparent)
        ? traceparent
        : `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`;
    const accepted = await this.inbound.accept({
      account_id: carrier.accountId,
      account_sid: carrier.accountSid,
      message_sid: (sms.MessageSid ?? sms.SmsSid)!,
      from: from.phone,
      to: to.phone,
      channel: from.channel,
      body: sms.Body,
      media: sms.NumMedia ? mediaOf(sms) : null,
      ...countSegments(sms.Body),
      fields: otherFields(sms),
      intent,
      intent_source: source,
      is_answered_by_carrier: carrierIntent !== undefined,
      waiter: this.waiter.name,
      offer_until: new Date(deadline + OFFER_GRACE_MS),
      // Used only if this text opens a session. The agent is not part of it: the handle outlives a failover.
      handle: this.handleOf(`${from.phone}|${to.phone}|${receivedAt.getTime()}|${randomUUID()}`),
      traceparent: trace,
      received_at: receivedAt,
    });
    observeAccept(accepted.outcome, receivedAt);
    if (accepted.outcome === 'number_not_found') throw new DomainError('number_not_found', 'No agent answers at this number.');
    if (accepted.outcome === 'duplicate') return this.waiter.wait(accepted.message_id, deadline, true);

    const reply = this.waiter.wait(accepted.message_id, deadline, accepted.is_decided);
    if (accepted.ring && accepted.session_id) this.doorbell.ring(accepted.session_id, accepted.lease_token);
    return reply;
  }
}
