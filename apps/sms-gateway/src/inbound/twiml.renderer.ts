import type { ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import twilio from 'twilio';
import { CarrierClient } from '../carrier/carrier.client.js';
import type { TakenReply } from './reply-waiter.js';
import { WrittenReplies } from './written-replies.js';

const EMPTY = new twilio.twiml.MessagingResponse().toString();

@Injectable()
export class TwimlRenderer {
  constructor(
    private readonly carrier: CarrierClient,
    private readonly written: WrittenReplies,
  ) {}

  /** TwiML of an answer; its `action` is where the carrier confirms that it took the message. */
  render(answer: TakenReply | null, response: ServerResponse): string {
    if (!answer) return EMPTY;
    this.written.follow(response, answer.answerId);
    const twiml = new twilio.twiml.MessagingResponse();
    twiml.message({ action: this.carrier.callbackUrl(answer.answerId) }, answer.body);
    return twiml.toString();
  }
}
