import { Ring } from '../ring.js';

/** One request to a sample agent. `aborted`: the caller hung up, or the agent did. `at` is in milliseconds since 1970. */
export interface AgentCall {
  seq: number;
  at: number;
  agent: string;
  type: string;
  session_id: string | null;
  message: string | null;
  /** From the request's metadata. */
  turn_id: string | null;
  /** From the Idempotency-Key header; over MCP from `_meta`. */
  idempotency_key: string | null;
  message_ids: string[];
  outcome: 'running' | 'finished' | 'aborted';
  ms: number | null;
}

export type CallDescription = Omit<AgentCall, 'seq' | 'at' | 'outcome' | 'ms'>;

const CAPACITY = 100_000;

/** What the sample agents were asked, from the agents' side of the wire. */
export class CallLog {
  readonly #calls = new Ring<AgentCall>(CAPACITY);

  /** Returns what to call, once, when the request is over. */
  start(description: CallDescription): (outcome: 'finished' | 'aborted') => void {
    const call: AgentCall = { seq: this.#calls.lastSeq + 1, at: Date.now(), ...description, outcome: 'running', ms: null };
    this.#calls.push(call);
    return (outcome) => {
      call.outcome = outcome;
      call.ms = Date.now() - call.at;
    };
  }

  after(seq: number): AgentCall[] {
    return this.#calls.after(seq);
  }

  get lastSeq(): number {
    return this.#calls.lastSeq;
  }

  clear(): void {
    this.#calls.clear();
  }
}
