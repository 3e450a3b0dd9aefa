/** One line of the twin's log; which fields there are depends on `type` (tools/twin/src/event-log.ts). */
export interface TwinEvent {
  seq: number;
  at: number;
  type: string;
  sid: string;
  from?: string;
  to?: string | null;
  body?: string;
  attempt?: number;
  is_duplicate?: boolean;
  http_status?: number;
  waited_ms?: number;
  twiml_messages?: number;
  error?: string;
  method?: string;
  status?: string;
  direction?: string;
  in_reply_to_sid?: string | null;
}

/** What a phone has received (tools/twin/src/inbox.ts). */
export interface InboxMessage {
  seq: number;
  sid: string;
  from: string;
  to: string;
  body: string;
  via: 'twiml' | 'rest' | 'carrier';
  in_reply_to_sid?: string;
  at: number;
}

export interface AgentCall {
  seq: number;
  at: number;
  agent: string;
  type: string;
  turn_id: string | null;
  outcome: 'running' | 'finished' | 'aborted';
}

/** The outside world of the run, over HTTP. */
export class TwinClient {
  #logSeq = 0;
  readonly log: TwinEvent[] = [];

  constructor(readonly url: string) {}

  /** Resolves when the carrier has the text, long before it is answered. */
  async text(phone: string, text: { to: string; body: string; message_sid: string }): Promise<void> {
    await this.#call('POST', `/twin/phones/${encodeURIComponent(phone)}/texts`, { ...text, wait: false });
  }

  async inbox(phone: string, after = 0, waitSeconds = 0): Promise<InboxMessage[]> {
    const { messages } = await this.#call<{ messages: InboxMessage[] }>(
      'GET',
      `/twin/phones/${encodeURIComponent(phone)}/messages?after=${after}&wait=${waitSeconds}`,
    );
    return messages;
  }

  async faults(faults: object): Promise<void> {
    await this.#call('PUT', '/twin/faults', faults);
  }

  async control(control: object): Promise<void> {
    await this.#call('PUT', '/agents/control', control);
  }

  async calls(): Promise<AgentCall[]> {
    return (await this.#call<{ calls: AgentCall[] }>('GET', '/agents/calls')).calls;
  }

  /** Reads what is new in the log. Throws if the twin has forgotten anything that we had not read: the audit would be blind. */
  async readLog(): Promise<TwinEvent[]> {
    const { events } = await this.#call<{ events: TwinEvent[] }>('GET', `/twin/log?after=${this.#logSeq}`);
    if (events.length > 0 && events[0]!.seq !== this.#logSeq + 1)
      throw new Error(`The twin's log begins at ${events[0]!.seq}, read until ${this.#logSeq}.`);
    this.#logSeq = events.at(-1)?.seq ?? this.#logSeq;
    this.log.push(...events);
    return events;
  }

  async #call<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(this.url + path, {
      method,
      ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(60_000),
    });
    if (!response.ok) throw new Error(`The twin answered HTTP ${response.status} to ${method} ${path}: ${await response.text()}`);
    return (await response.json()) as T;
  }
}
