import { createHmac, randomBytes } from 'node:crypto';
import { Pool } from 'undici';

export interface Target {
  name: string;
  url: string;
  number: string;
}

export interface Carrier {
  accountSid: string;
  authToken: string;
}

export interface LoadResult {
  turns: number;
  /** Texts whose webhook did not carry their own answer. */
  unanswered: number;
  seconds: number;
  /** Milliseconds from sending the webhook to having its answer, sorted. */
  latencies: number[];
}

/** A phone gets at most this many texts in a row: a person does not text faster for longer, and a loop breaker minds. */
const TEXTS_PER_PHONE = 8;

/** The carrier's side of a benchmark: signed webhooks as Twilio sends them. */
export class Load {
  private readonly pool: Pool;
  private readonly run = randomBytes(3).toString('hex');
  private sent = 0;
  private phones = 0;
  private actions: { path: string; sid: string }[] = [];

  constructor(
    private readonly target: Target,
    private readonly carrier: Carrier,
  ) {
    this.pool = new Pool(target.url, { connections: 128, keepAliveTimeout: 60_000 });
  }

  /** Keeps `inFlight` texts under way for `seconds`. */
  async inFlight(inFlight: number, seconds: number): Promise<LoadResult> {
    const until = Date.now() + seconds * 1_000;
    return this.measure(async (record) => {
      await Promise.all(
        Array.from({ length: inFlight }, async () => {
          for (let phone = this.phone(), i = 0; Date.now() < until; i += 1) {
            if (i % TEXTS_PER_PHONE === 0) phone = this.phone();
            await record(phone);
          }
        }),
      );
    });
  }

  /** Sends `rate` texts a second for `seconds`, whether or not earlier ones are answered. */
  async atRate(rate: number, seconds: number): Promise<LoadResult> {
    return this.measure(async (record) => {
      const startedAt = Date.now();
      const phones = Array.from({ length: Math.ceil((rate * seconds) / TEXTS_PER_PHONE) }, () => this.phone());
      const texts: Promise<void>[] = [];
      for (let i = 0; i < rate * seconds; i += 1) {
        const wait = startedAt + (i * 1_000) / rate - Date.now();
        if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
        texts.push(record(phones[i % phones.length]!));
      }
      await Promise.all(texts);
    });
  }

  /**
   * The receipts that a carrier sends for TwiML replies, outside of what is measured: the reference has no use for them,
   * and without them the reconciler would start to ask for each message after 15 s.
   */
  async settle(): Promise<void> {
    const actions = this.actions;
    this.actions = [];
    for (let i = 0; i < actions.length; i += 50) {
      await Promise.all(
        actions
          .slice(i, i + 50)
          .map(({ path, sid }) => this.post(path, { MessageSid: sid, MessageStatus: 'delivered', AccountSid: this.carrier.accountSid })),
      );
    }
  }

  close(): Promise<void> {
    return this.pool.close();
  }

  private phone(): string {
    this.phones += 1;
    return `+1${String(2_000_000_000 + Number.parseInt(this.run, 16) * 400 + this.phones).slice(0, 10)}`;
  }

  private async measure(load: (record: (phone: string) => Promise<void>) => Promise<void>): Promise<LoadResult> {
    const latencies: number[] = [];
    let unanswered = 0;
    const startedAt = performance.now();
    await load(async (phone) => {
      const from = performance.now();
      if (!(await this.text(phone))) unanswered += 1;
      latencies.push(performance.now() - from);
    });
    return {
      turns: latencies.length,
      unanswered,
      seconds: (performance.now() - startedAt) / 1_000,
      latencies: latencies.sort((a, b) => a - b),
    };
  }

  private async text(phone: string): Promise<boolean> {
    this.sent += 1;
    const sid = `SM${this.run}${String(this.sent).padStart(26, '0')}`;
    const body = `What does plan ${this.sent} cost?`;
    const reply = await this.post('/sms/incoming', {
      ToCountry: 'US', ToState: 'CA', SmsMessageSid: sid, NumMedia: '0', ToCity: '', FromZip: '94105', SmsSid: sid, FromState: 'CA', SmsStatus: 'received',
      FromCity: 'SAN FRANCISCO', Body: body, FromCountry: 'US', To: this.target.number, ToZip: '', NumSegments: '1', MessageSid: sid,
      AccountSid: this.carrier.accountSid, From: phone, ApiVersion: '2010-04-01',
    }); // prettier-ignore
    const action = / action="([^"]+)"/.exec(reply)?.[1];
    if (action) {
      const { pathname, search } = new URL(action);
      this.actions.push({ path: pathname + search, sid: `${sid}r` });
    }
    return reply.includes(`>echo: ${body}<`);
  }

  private async post(path: string, form: Record<string, string>): Promise<string> {
    const signed =
      this.target.url +
      path +
      Object.keys(form)
        .sort()
        .map((key) => key + form[key])
        .join('');
    const signature = createHmac('sha1', this.carrier.authToken).update(signed).digest('base64');
    const { body } = await this.pool.request({
      path,
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-twilio-signature': signature },
      body: new URLSearchParams(form).toString(),
    });
    return body.text();
  }
}

export const percentile = (sorted: number[], p: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN;
