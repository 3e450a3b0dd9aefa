import { Batcher } from '@darkspere/database';
import { think } from './database.js';
import type { Random } from './random.js';
import type { Run } from './run.js';
import type { World } from './world.js';

const LEASE_MS = 4_000;
const LEASE = `${LEASE_MS} milliseconds`;
const SWEEP_MS = 1_000;
const LANES = 2;

interface Claim {
  outcome: string;
  session_id: string;
  turn_id: string;
  lease_token: string;
  attempt: number;
  at?: string;
  texts?: { id: string }[];
  waiters?: { message_id: string }[];
  more_at?: string | null;
}

/** How an attempt goes. `stalls`: no heartbeat, and the answer comes after somebody else has claimed the turn. */
const FATES = [
  'answers',
  'answers',
  'answers',
  'answers',
  'answers',
  'answers',
  'answers',
  'dies',
  'stalls',
  'fails',
  'fails for good',
] as const;
/** How long agents take, in milliseconds. */
const LATENCIES = [0, 50, 300, 300, 1_500, 5_000];

/** The turns of mcp-adapter: rings, sweeps, alarms, leases, agents that answer, fail or hang, and processes that die. */
export class Adapter {
  private readonly claims: Batcher<{ session: string; lease: string | null }, Claim | undefined>;
  private readonly completions: Batcher<{ turnId: string; item: object }, Claim>;
  /** Told when a turn has ended. */
  onEnd: (messageIds: readonly string[], random: Random) => void = () => undefined;

  constructor(private readonly world: World) {
    const { database, clock } = world;
    this.claims = new Batcher(async (rings) => {
      const sessions = rings.map(({ session }) => session);
      const claims = await database.call<Claim>('routing.claim_turns', [sessions, rings.map(({ lease }) => lease), clock.now(), LEASE]);
      const bySession = new Map(claims.map((claim) => [claim.session_id, claim]));
      return sessions.map((session) => {
        const claim = bySession.get(session);
        bySession.delete(session);
        return claim;
      });
    }, LANES);
    this.completions = new Batcher(async (items) => {
      const ends = await database.call<Claim>('routing.complete_turns', [JSON.stringify(items.map(({ item }) => item)), clock.now()]);
      return items.map(({ turnId }) => ends.find((end) => end.turn_id === turnId)!);
    }, LANES);
  }

  /** @param lease the one that came with the text, if one did. */
  ring(session: string, lease: string | null = null): void {
    this.world.begin(this.look(session, lease));
  }

  /** Finds what nobody rang for, until the world is over. */
  sweep(random: Random): Promise<void> {
    const { clock, database } = this.world;
    return this.world.repeat(SWEEP_MS, random, async () => {
      for (const session of await database.call<string>('routing.sweep', [clock.now(), 200])) this.ring(session);
    });
  }

  private async look(session: string, lease: string | null = null): Promise<void> {
    const { world } = this;
    const run = world.runIn(session);
    const dice = run?.dice('look') ?? world.random;
    await think(dice);
    const isWatched = run?.reach('claiming') ?? false;
    const start = world.tick();
    const claim =
      dice.chance(0.5) && !isWatched
        ? await this.claims.run({ session, lease })
        : (await world.database.call<Claim>('routing.claim_turns', [[session], [lease], world.clock.now(), LEASE], isWatched))[0];
    if (!claim) return;
    world.trace(
      run,
      `claim: ${claim.outcome} ${claim.turn_id ?? ''} ${claim.attempt ?? ''} ${claim.texts?.map(({ id }) => id).join(' ') ?? ''}`,
    );
    const claimed = world.tick();
    if (claim.outcome === 'claimed') {
      run?.takeovers.push({ session, token: claim.lease_token, span: { start, end: claimed } });
      await this.runTurn(run, claim, claimed, dice);
    } else if (claim.outcome === 'closed') this.conclude(claim, dice);
    else if (claim.at) this.alarm(session, claim.at, dice);
  }

  private async runTurn(run: Run | undefined, turn: Claim, claimed: number, dice: Random): Promise<void> {
    const { world } = this;
    const fate = world.isCalm ? 'answers' : dice.pick(FATES);
    await this.hear(turn, fate === 'stalls' ? LEASE_MS + 1_000 + dice.below(4_000) : dice.pick(LATENCIES), fate !== 'stalls');
    await think(dice);
    if (fate === 'dies') return world.trace(run, `${turn.turn_id}: the adapter dies`);
    const isWatched = run?.reach('completing') ?? false;
    const asked = world.tick();
    const end =
      fate === 'fails' || fate === 'fails for good'
        ? await this.fail(turn, fate === 'fails', dice)
        : await this.complete(turn, dice, isWatched);
    world.trace(run, `${turn.turn_id} ${turn.attempt}: ${fate}: ${end.outcome}`);
    if (end.outcome === 'answered') run?.answers.push({ session: turn.session_id, token: turn.lease_token, claimed, asked });
    if (!world.fault(dice, 0.1)) this.conclude(end, dice);
  }

  /** Waits for the agent, keeping the lease if it can. */
  private async hear(turn: Claim, latency: number, beats: boolean): Promise<void> {
    const { clock, database } = this.world;
    for (let left = latency; left > 0;) {
      const step = Math.min(left, LEASE_MS / 3);
      await clock.sleep(step);
      left -= step;
      if (beats && left > 0) await database.call('routing.extend_leases', [[turn.session_id], [turn.lease_token], clock.now(), LEASE]);
    }
  }

  private async complete(turn: Claim, dice: Random, isWatched: boolean): Promise<Claim> {
    const { session_id, turn_id, lease_token } = turn;
    const parts = Array.from({ length: dice.pick([1, 1, 1, 2, 3]) }, () => ({ body: 'An answer.', segments: 1, encoding: 'GSM-7' }));
    const item = { session_id, turn_id, lease_token, parts, hops: [] };
    if (dice.chance(0.5) && !isWatched) return this.completions.run({ turnId: turn_id, item });
    return this.world.database.value('routing.complete_turns', [JSON.stringify([item]), this.world.clock.now()], isWatched);
  }

  private fail(turn: Claim, mayRetry: boolean, dice: Random): Promise<Claim> {
    const pause = mayRetry ? `${dice.below(1_500)} milliseconds` : null;
    const failure = JSON.stringify({ code: 'agent_down', diagnosis: 'It is down.' });
    return this.world.database.value('routing.fail_attempt', [
      turn.session_id,
      turn.turn_id,
      turn.lease_token,
      failure,
      pause,
      !dice.chance(0.1),
      this.world.clock.now(),
    ]);
  }

  private conclude(end: Claim, dice: Random): void {
    this.onEnd(
      (end.waiters ?? []).map(({ message_id }) => message_id),
      dice,
    );
    if (end.more_at) this.alarm(end.session_id, end.more_at, dice);
  }

  private alarm(session: string, at: string, dice: Random): void {
    const { world } = this;
    if (world.fault(dice, 0.15)) return;
    world.begin(world.clock.sleep(new Date(at).getTime() - world.clock.ms + 1).then(() => this.look(session)));
  }
}
