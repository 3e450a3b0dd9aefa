import { Injectable } from '@nestjs/common';
import { answerDue } from '@darkspere/contracts';
import { Sql } from '@darkspere/database';
import { DomainError } from '@darkspere/domain';
import { Alerts, splitReply, type Alert } from '@darkspere/platform';
import { Broadcasts } from '@darkspere/transport';
import { channelOf } from '../inbound/inbound-sms.js';
import type { MessageFilter, NewMessage } from './message.js';

/** See `messaging.create_outbound`. */
interface Created {
  outcome: 'accepted' | 'refused' | 'number_not_found';
  message_id: string;
  status: string;
  decision: { decision_id: string; verdict: string; rule: string };
  alert: Alert | null;
}

/** What a page of a list looks like: pass `next_before` as `before` for the next one. */
export interface MessagePage {
  messages: { message_id: string }[];
  next_before: string | null;
}

@Injectable()
export class MessagesService {
  constructor(
    private readonly sql: Sql,
    private readonly broadcasts: Broadcasts,
    private readonly alerts: Alerts,
  ) {}

  /** Throws `number_not_found` (not a number of this account) and `send_refused` (with the rule of the gate). */
  async send(accountId: string, message: NewMessage): Promise<Pick<Created, 'message_id' | 'status' | 'decision'>> {
    const to = channelOf(message.to);
    const created = await this.sql.value<Created>('messaging.create_outbound', [
      accountId,
      JSON.stringify({
        from: message.from,
        to: to.phone,
        channel: to.channel,
        purpose: message.purpose,
        media: message.media_urls?.map((url) => ({ url })) ?? null,
        parts: splitReply(message.body),
      }),
      new Date(),
    ]);
    if (created.outcome === 'number_not_found') throw new DomainError('number_not_found', 'The sender is not a number of this account.');
    this.alerts.announce(created.alert);
    const { message_id, status, decision } = created;
    if (created.outcome === 'refused') {
      throw new DomainError('send_refused', `The send gate refused it by the rule "${decision.rule}".`, {
        message_id,
        rule: decision.rule,
        decision,
      });
    }
    void this.broadcasts.publish(answerDue, {});
    return { message_id, status, decision };
  }

  /** One message with the whole path that it, and its answer or question, took. Throws `message_not_found`. */
  async find(accountId: string, id: string): Promise<unknown> {
    const message = await this.sql.value<unknown>('messaging.read_message', [accountId, id]);
    if (!message) throw new DomainError('message_not_found', 'There is no such message in this account.');
    return message;
  }

  /** Newest first. */
  async list(accountId: string, filter: MessageFilter): Promise<MessagePage> {
    const messages = filter.phone
      ? await this.sql.values<{ message_id: string }>('messaging.list_messages', [
          accountId,
          channelOf(filter.phone).phone,
          filter.before ?? null,
          filter.limit,
        ])
      : await this.sql.values<{ message_id: string }>('messaging.list_all_messages', [accountId, filter.before ?? null, filter.limit]);
    return { messages, next_before: messages.length === filter.limit ? messages.at(-1)!.message_id : null };
  }

  /** What a phone consented to and revoked, newest first. */
  async consents(accountId: string, phone: string): Promise<{ consents: unknown[] }> {
    return { consents: await this.sql.values('messaging.list_consents', [accountId, channelOf(phone).phone]) };
  }
}
