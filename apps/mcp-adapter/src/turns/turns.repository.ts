import { Injectable } from '@nestjs/common';
import { Batcher, Sql } from '@darkspere/database';
import type { Part } from '@darkspere/platform';
import type { Claim, ClaimedTurn, Completion, Hop } from './turn.js';

/**
 * How long a turn stays ours without a heartbeat, in milliseconds. After a kill -9 the sweeper of another replica takes
 * it up within this time and about a second.
 */
export const LEASE_MS = 4_000;
const LEASE = `${LEASE_MS} milliseconds`;
/** A database that restarts is back within this time; all calls here may run twice (they carry the lease token). */
const PATIENCE_MS = 3_000;

export interface TurnAnswer {
  parts: Part[];
  state: Record<string, unknown> | null;
  hops: Hop[];
}

@Injectable()
export class TurnsRepository {
  private readonly claiming = new Batcher<{ sessionId: string; leaseToken: string | null }, Claim>(async (rings) => {
    const sessionIds = rings.map(({ sessionId }) => sessionId);
    const leaseTokens = rings.map(({ leaseToken }) => leaseToken);
    const claims = await this.forClaims.values<Claim>('routing.claim_turns', [sessionIds, leaseTokens, new Date(), LEASE]);
    const bySession = new Map(claims.map((claim) => [claim.session_id, claim]));
    // A session that rang twice in one batch was claimed once: the first ring gets the turn, and the second looks again,
    // since a lease that came with a text is for that text only.
    const seen = new Set<string>();
    return sessionIds.map((sessionId): Claim => {
      if (seen.has(sessionId)) return { outcome: 'later', session_id: sessionId, at: new Date().toISOString() };
      seen.add(sessionId);
      return bySession.get(sessionId) ?? { outcome: 'nothing', session_id: sessionId };
    });
  });

  private readonly completing = new Batcher<{ turn: ClaimedTurn; answer: TurnAnswer }, Completion>(async (items) => {
    const ends = await this.forEnds.values<Completion>(
      'routing.complete_turns',
      [
        JSON.stringify(
          items.map(({ turn, answer }) => ({
            session_id: turn.session_id,
            turn_id: turn.turn_id,
            lease_token: turn.lease_token,
            ...answer,
          })),
        ),
        new Date(),
      ],
      { patienceMs: PATIENCE_MS },
    );
    const byTurn = new Map(ends.map((end) => [end.turn_id, end]));
    return items.map(({ turn }) => byTurn.get(turn.turn_id)!);
  });

  private readonly forClaims: Sql;
  private readonly forEnds: Sql;

  constructor(private readonly sql: Sql) {
    this.forClaims = sql.withOwnConnection();
    this.forEnds = sql.withOwnConnection();
  }

  /** @param leaseToken see `routing.claim_turns`. */
  claim(sessionId: string, leaseToken: string | null): Promise<Claim> {
    return this.claiming.run({ sessionId, leaseToken });
  }

  complete(turn: ClaimedTurn, answer: TurnAnswer): Promise<Completion> {
    return this.completing.run({ turn, answer });
  }

  /** @param pauseMs until the next attempt; null: none. @param counts false: the agent was not asked. */
  fail(turn: ClaimedTurn, failure: { code: string; diagnosis: string }, pauseMs: number | null, counts: boolean): Promise<Completion> {
    return this.sql.value(
      'routing.fail_attempt',
      [
        turn.session_id,
        turn.turn_id,
        turn.lease_token,
        JSON.stringify(failure),
        pauseMs === null ? null : `${pauseMs} milliseconds`,
        counts,
        new Date(),
      ],
      { patienceMs: PATIENCE_MS },
    );
  }

  /** The lease tokens that are still good. */
  extend(turns: ClaimedTurn[]): Promise<string[]> {
    return this.sql.values('routing.extend_leases', [
      turns.map((turn) => turn.session_id),
      turns.map((turn) => turn.lease_token),
      new Date(),
      LEASE,
    ]);
  }

  sweep(limit: number): Promise<string[]> {
    return this.sql.values('routing.sweep', [new Date(), limit]);
  }

  countSessions(): Promise<void> {
    return this.sql.value('routing.count_sessions', [new Date()]);
  }

  endIdleSessions(limit: number): Promise<number> {
    return this.sql.value('routing.end_idle_sessions', [new Date(), limit]);
  }

  readDraft(turnId: string): Promise<{ message: string; session_state: Record<string, unknown> | null } | null> {
    return this.sql.value('routing.read_draft', [turnId], { patienceMs: PATIENCE_MS });
  }
}
