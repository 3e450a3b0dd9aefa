import { Controller, Inject } from '@nestjs/common';
import { answerDue, turnAnswered, turnRung, type PayloadOf } from '@darkspere/contracts';
import { splitReply } from '@darkspere/platform';
import { Broadcasts, On } from '@darkspere/transport';
import type { Pool } from 'pg';

export const POOL = Symbol('Pool');

/** What `routing.claim_turns` gives; only what the tests read. */
export interface Turn {
  session_id: string;
  turn_id: string;
  lease_token: string;
  agent_id: string;
  handle: string;
  channel: string;
  texts: { id: string; body: string; media: { url: string }[] | null; traceparent: string | null }[];
}

const echo = (turn: Turn): string => `echo: ${turn.texts.map(({ body }) => body).join('\n')}`;

/** mcp-adapter as its contracts and the published functions have it, with an agent that says what the test told it to. */
@Controller()
export class FakeAdapter {
  readonly turns: Turn[] = [];
  answer: (turn: Turn) => string | Promise<string> = echo;
  /** Deaf: rings are taken and nothing is done. */
  isDeaf = false;

  constructor(
    @Inject(POOL) private readonly pool: Pool,
    private readonly broadcasts: Broadcasts,
  ) {}

  reset(): void {
    this.turns.length = 0;
    this.answer = echo;
    this.isDeaf = false;
  }

  @On(turnRung)
  async rung({ rings }: PayloadOf<typeof turnRung>): Promise<void> {
    if (!this.isDeaf) await Promise.all(rings.map(({ sessionId, leaseToken }) => this.look(sessionId, leaseToken)));
  }

  async look(sessionId: string, leaseToken: string | null = null): Promise<void> {
    const claim = await this.call<Turn & { outcome: string; at?: string }>(
      `routing.claim_turns(array[$1::uuid], array[$2::uuid], now(), '1 minute')`,
      [sessionId, leaseToken],
    );
    if (claim.at) this.lookAt(sessionId, claim.at);
    // The turn goes on when the ring is acknowledged; a database that a test has dropped meanwhile is no failure.
    if (claim.outcome === 'claimed') void this.run(claim).catch(() => undefined);
  }

  /** What the sweeper does, without its patience. */
  async sweep(): Promise<void> {
    const { rows } = await this.pool.query<{ id: string }>(`select routing.sweep(now(), 100, '0 seconds') as id`);
    for (const { id } of rows) await this.look(id);
  }

  private async run(turn: Turn): Promise<void> {
    this.turns.push(turn);
    const answer = await this.answer(turn);
    const hops = ['claimed', 'called', 'answered'].map((hop) => ({ hop, at: new Date(), by: 'fake-adapter' }));
    const { session_id, turn_id, lease_token } = turn;
    const item = { session_id, turn_id, lease_token, parts: splitReply(answer), state: null, hops };
    const end = await this.call<{ waiters?: { waiter: string; message_id: string }[]; is_due?: boolean; more_at?: string }>(
      `routing.complete_turns($1, now())`,
      [JSON.stringify([item])],
    );
    for (const { waiter, message_id } of end.waiters ?? [])
      void this.broadcasts.publish(turnAnswered, { messageIds: [message_id] }, waiter);
    if (end.is_due) void this.broadcasts.publish(answerDue, {});
    if (end.more_at) this.lookAt(session_id, end.more_at);
  }

  private lookAt(sessionId: string, at: string): void {
    setTimeout(() => void this.look(sessionId).catch(() => undefined), Math.max(0, Date.parse(at) - Date.now()) + 1);
  }

  private async call<T>(call: string, values: unknown[]): Promise<T> {
    const { rows } = await this.pool.query<{ value: T }>(`select ${call} as value`, values);
    return rows[0]!.value;
  }
}
