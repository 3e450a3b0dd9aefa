import { Batcher } from '@darkspere/database';
import type { Adapter } from './adapter.js';
import { callBack } from './callbacks.js';
import { Died, think } from './database.js';
import type { Random } from './random.js';
import type { Run } from './run.js';
import type { Keyword } from './script.js';
import type { World } from './world.js';

const REPLY_BUDGET_MS = 2_500;
const OFFER_GRACE_MS = 1_000;
/** The carrier waits 15 s for a webhook; ours are done earlier. */
const LONGEST_REPLY_MS = 10_000;
const READ_AGAIN_MS = 1_000;
const BLOCKED_MS = 150;
const FLUSH_MS = 100;
const LANES = 2;

/** A text on its way from the carrier. */
export interface Inbound {
  sid: string;
  number: number;
  keyword: Keyword | null;
}

interface Accepted {
  outcome: string;
  message_id: string;
  session_id?: string | null;
  ring?: boolean;
  lease_token?: string | null;
}

interface Taken {
  state: 'undecided' | 'blocked' | 'empty' | 'send';
  answer_id: string;
}

const INTENTS = { STOP: 'opt_out', START: 'opt_in', YES: 'opt_in_if_out', HELP: 'help' } as const;

/** The webhooks of sms-gateway, with its batches, and with processes that die at any step. */
export class Gateway {
  private readonly acceptances: Batcher<object, Accepted>;
  private readonly takes: Batcher<{ id: string; givesUp: boolean }, Taken>;
  private readonly waiters = new Map<string, Set<() => void>>();
  private readonly ended = new Set<string>();
  private written: string[] = [];

  constructor(
    private readonly world: World,
    private readonly adapter: Adapter,
  ) {
    const { database, clock } = world;
    this.acceptances = new Batcher((forms) => this.store(forms), LANES);
    this.takes = new Batcher(
      (items) => database.call('messaging.take_reply', [items.map(({ id }) => id), items.map(({ givesUp }) => givesUp), clock.now()]),
      LANES,
    );
  }

  /** A turn ended: whoever waits for these texts looks now, unless the hint is lost. */
  tell(messageIds: readonly string[], random: Random): void {
    for (const id of messageIds) {
      this.ended.add(id);
      if (!this.world.fault(random, 0.15)) this.waiters.get(id)?.forEach((wake) => wake());
    }
  }

  /** One delivery of a text. False: the carrier got no answer and may deliver it again. */
  async webhook(run: Run, text: Inbound): Promise<boolean> {
    const { world } = this;
    const dice = run.dice(`webhook ${text.sid}`);
    const dies = (): boolean => {
      const isDead = world.fault(dice, 0.04);
      if (isDead) world.trace(run, `${text.sid}: the gateway dies`);
      return isDead;
    };
    await think(dice);
    const deadline = world.clock.ms + REPLY_BUDGET_MS;
    try {
      const accepted = await this.accept(run, text, dice);
      if (accepted.ring && accepted.session_id && !world.fault(dice, 0.15)) this.adapter.ring(accepted.session_id, accepted.lease_token);
      if (dies()) return false;
      for (;;) {
        const reply = await this.reply(run, text, accepted.message_id, deadline, dice);
        if (reply !== 'later') return reply;
        if (dies()) return false;
      }
    } catch (error) {
      if (!(error instanceof Died)) throw error;
      world.trace(run, `${text.sid}: the gateway is killed in a transaction`);
      return false;
    }
  }

  private async accept(run: Run, text: Inbound, dice: Random): Promise<Accepted> {
    const { world } = this;
    const { account, numbers } = world.scene;
    const form = {
      account_id: account,
      account_sid: account,
      message_sid: text.sid,
      from: run.phone,
      to: numbers[run.script.policy][text.number],
      channel: 'sms',
      body: text.keyword ?? text.sid,
      media: null,
      segments: 1,
      encoding: 'GSM-7',
      fields: {},
      waiter: 'gw',
      intent: text.keyword && INTENTS[text.keyword],
      intent_source: text.keyword && 'keyword',
      is_answered_by_carrier: false,
      offer_until: world.clock.after(REPLY_BUDGET_MS + OFFER_GRACE_MS),
      handle: `${text.sid}-${world.tick()}-${account}`,
      traceparent: null,
      received_at: world.clock.now(),
    };
    const start = world.tick();
    // A keyword goes alone: it takes other locks, in another order.
    const accepted = !text.keyword && dice.chance(0.5) ? await this.acceptances.run(form) : (await this.store([form]))[0]!;
    const span = { start, end: world.tick() };
    world.trace(
      run,
      `${text.sid} ${text.keyword ?? 'text'} to ${text.number}: ${accepted.outcome} ${accepted.message_id} ring=${accepted.ring}`,
    );
    if (accepted.outcome !== 'accepted') return accepted;
    run.accepted.set(text.sid, { messageId: accepted.message_id, span, keyword: text.keyword });
    if (text.keyword === 'STOP') run.outs.push(span);
    if (text.keyword === 'START' || text.keyword === 'YES') run.ins.push(span);
    if (accepted.session_id) world.belongs(accepted.session_id, run, text.number);
    return accepted;
  }

  private async reply(run: Run, text: Inbound, id: string, deadline: number, dice: Random): Promise<boolean | 'later'> {
    const { clock } = this.world;
    const givesUp = clock.ms >= deadline;
    // Slow, so that its last look and the sender come at the same time.
    if (givesUp && this.world.fault(dice, 0.25)) await clock.sleep(deadline + OFFER_GRACE_MS - clock.ms + dice.below(400));
    const isWatched = this.ended.has(id) && run.reach('taking');
    const letGo = clock.hold(LONGEST_REPLY_MS);
    try {
      const taken = await this.take(id, givesUp, isWatched, dice);
      this.world.trace(run, `${text.sid}: ${givesUp ? 'gives up, ' : ''}${taken.state} ${taken.answer_id ?? ''}`);
      if (taken.state === 'send') return await this.write(run, text, taken.answer_id, dice);
      if (givesUp) this.world.due.add(run);
      if (taken.state === 'empty' || givesUp) return true;
      letGo();
      await this.wait(id, Math.min(deadline - clock.ms, taken.state === 'blocked' ? BLOCKED_MS : READ_AGAIN_MS));
      return 'later';
    } finally {
      letGo();
    }
  }

  private async take(id: string, givesUp: boolean, isWatched: boolean, dice: Random): Promise<Taken> {
    if (dice.chance(0.5) && !isWatched) return this.takes.run({ id, givesUp });
    return (await this.world.database.call<Taken>('messaging.take_reply', [[id], [givesUp], this.world.clock.now()], isWatched))[0]!;
  }

  /** The TwiML on its way to the carrier. */
  private async write(run: Run, text: Inbound, answerId: string, dice: Random): Promise<boolean> {
    const { world } = this;
    await think(dice);
    if (world.fault(dice, 0.1)) {
      world.trace(run, `${text.sid}: the gateway dies before it writes ${answerId}`);
      return false;
    }
    const isLost = world.fault(dice, 0.03);
    if (isLost) run.lostOnWire.add(answerId);
    const delivery = isLost ? null : world.carrier.takeTwiml(answerId, text.sid);
    world.trace(
      run,
      `${text.sid}: ${answerId} written${isLost ? ' and lost on the wire' : delivery ? '' : ', which the carrier has already'}`,
    );
    if (delivery) callBack(world, run, delivery);
    if (world.fault(dice, 0.05)) world.trace(run, `${text.sid}: the gateway dies after it wrote ${answerId}`);
    else {
      this.written.push(answerId);
      world.begin(world.clock.sleep(dice.below(FLUSH_MS)).then(() => world.database.call('messaging.mark_written', [this.drainWritten()])));
    }
    return !isLost;
  }

  /** Texts take the marks of what was written with them; if their process dies, the marks are lost too. */
  private store(forms: object[]): Promise<Accepted[]> {
    return this.world.database.call('messaging.accept_inbound', [JSON.stringify(forms), this.world.clock.now(), this.drainWritten()]);
  }

  private drainWritten(): string[] {
    const { written } = this;
    this.written = [];
    return written;
  }

  private async wait(id: string, ms: number): Promise<void> {
    const nap = this.world.clock.nap(ms);
    const wakes = this.waiters.get(id) ?? new Set();
    wakes.add(nap.wake);
    this.waiters.set(id, wakes);
    await nap.over;
    wakes.delete(nap.wake);
    if (wakes.size === 0) this.waiters.delete(id);
  }
}
