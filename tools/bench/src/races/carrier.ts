/** A message that the carrier has. */
export interface Delivery {
  sid: string;
  messageId: string;
  via: 'twiml' | 'rest';
  /** The text under whose MessageSid it came; null: by REST. */
  inboundSid: string | null;
  /** Position in the order in which the carrier got messages. */
  order: number;
}

/** What the carrier got from us, which is what counts. */
export class Carrier {
  private readonly byMessage = new Map<string, Delivery[]>();
  private readonly refused = new Set<string>();
  private count = 0;

  /** The answer to a webhook. Deliveries of one MessageSid that get the same answer make one message. Null: it has it already. */
  takeTwiml(messageId: string, inboundSid: string): Delivery | null {
    if (this.deliveriesOf(messageId).some((delivery) => delivery.inboundSid === inboundSid)) return null;
    return this.add(messageId, 'twiml', inboundSid);
  }

  takeRest(messageId: string): Delivery {
    return this.add(messageId, 'rest', null);
  }

  refuse(messageId: string): void {
    this.refused.add(messageId);
  }

  isRefused(messageId: string): boolean {
    return this.refused.has(messageId);
  }

  find(messageId: string): Delivery | undefined {
    return this.deliveriesOf(messageId).at(-1);
  }

  deliveriesOf(messageId: string): readonly Delivery[] {
    return this.byMessage.get(messageId) ?? [];
  }

  private add(messageId: string, via: Delivery['via'], inboundSid: string | null): Delivery {
    this.count += 1;
    const delivery = { sid: `SM-out-${this.count}`, messageId, via, inboundSid, order: this.count };
    this.byMessage.set(messageId, [...this.deliveriesOf(messageId), delivery]);
    return delivery;
  }
}
