import { Random } from './random.js';
import { writeScript, type Keyword, type Moment, type Script, type Step } from './script.js';

/** When a call began and ended, by the order in which this process saw it. */
export interface Span {
  start: number;
  end: number;
}

/** One phone, what happens to it, and what this process knows of it. */
export class Run {
  readonly phone: string;
  readonly script: Script;
  readonly trace: string[] = [];
  /** Message ids of texts by the carrier's id, as soon as one is accepted. */
  readonly accepted = new Map<string, { messageId: string; span: Span; keyword: Keyword | null }>();
  /** Sessions by number. */
  readonly sessions = new Map<number, string>();
  /** Calls that may have opted the phone out, and such that may have opted it in again. */
  readonly outs: Span[] = [];
  readonly ins: Span[] = [];
  /** What voided the leases before it: a claim, with its own token, or a move to another agent. */
  readonly takeovers: { session: string; token: string | null; span: Span }[] = [];
  /** Answers that were stored: with the lease of a claim that was known at `claimed`, by a call that began at `asked`. */
  readonly answers: { session: string; token: string; claimed: number; asked: number }[] = [];
  /** TwiML that went out on its socket and never arrived: what follows need not wait for it (design, section 3). */
  readonly lostOnWire = new Set<string>();
  private readonly rolls = new Map<string, number>();
  private watchers: { moment: Moment; left: number; wake: () => void }[] = [];

  constructor(
    readonly seed: number,
    serial: number,
  ) {
    this.phone = `+1${String(2_000_000_000 + serial)}`;
    this.script = writeScript(String(seed), this.dice('script'));
  }

  /** Calls back when a step's moment comes. */
  watch(step: Step, wake: () => void): void {
    if (step.or) this.watchers.push({ moment: step.or.moment, left: step.or.nth, wake });
  }

  /** Such a call is about to be made. True: a step was waiting for it, and should find it under way. */
  reach(moment: Moment): boolean {
    const before = this.watchers.length;
    for (const watcher of this.watchers) {
      if (watcher.moment === moment && (watcher.left -= 1) < 0) watcher.wake();
    }
    this.watchers = this.watchers.filter(({ left }) => left >= 0);
    return this.watchers.length < before;
  }

  /** Chance for one decision: the same seed and label give the same numbers, a label that is used again others. */
  dice(label: string): Random {
    const roll = this.rolls.get(label) ?? 0;
    this.rolls.set(label, roll + 1);
    return new Random(`${this.seed} ${label} ${roll}`);
  }
}
