import { setTimeout as sleep } from 'node:timers/promises';
import type { Line } from './cast.js';
import type { Random } from './random.js';
import type { TwinClient } from './twin.client.js';

/** A text that a phone has sent. */
export interface SentText {
  sid: string;
  phone: string;
  number: string;
  agent: string;
  /** Each stands in the body once and comes back in the agent's echo. Empty: the built-in team answers in its own words. */
  markers: readonly string[];
}

/** The built-in team's agent name here. */
export const TEAM = 'team';

/** Twelve of our replies at most: the loop breaker refuses after twenty in a row. */
const TEXTS_PER_PHONE = 12;
const TEXTS_IN_30_S = 6;
/** This share of texts goes to the built-in team, from phones that wait for each answer. */
const TEAM_SHARE = 0.08;
const TEAM_PATIENCE_S = 40;
const BURST = { chance: 0.15, most: 2, fromMs: 60, toMs: 900 };
const LONG_CHANCE = 0.03;
const REPOST = { chance: 0.01, fromMs: 3_000, toMs: 9_000 };
const QUESTIONS = [
  'hi there',
  'how much is the growth plan?',
  'do you have a free trial?',
  'what does setup take?',
  'which plan fits ten people?',
  'can I cancel any time?',
  'thanks',
];
const WORDS = 'the team wants to know whether answers come back in the order of the texts even when machines are restarted'.split(' ');

interface Phone {
  phone: string;
  line: Line;
  sentAt: number[];
}

/** Many phones that text at random moments, at a given rate altogether. */
export class Load {
  readonly sent: SentText[] = [];
  /** SIDs posted once more, seconds later. */
  readonly reposted: string[] = [];
  #phones = 0;
  readonly #underWay = new Set<Promise<unknown>>();
  #fault: unknown = null;

  constructor(
    private readonly parts: { twin: TwinClient; lines: readonly Line[]; teamNumber: string; random: Random; rate: number; phones: number },
  ) {}

  /** Resolves when all texts of that time are with the carrier, and the phones that wait for answers have them. */
  async run(ms: number, signal?: AbortSignal): Promise<void> {
    const { random, rate, phones } = this.parts;
    const end = Date.now() + ms;
    // A round of these phones (text, answer, a pause) takes about 2.5 s.
    const teamPhones = Math.round(rate * TEAM_SHARE * 2.5);
    for (let i = 0; i < teamPhones; i += 1) this.#track(this.#converse(end, signal));
    const active = Array.from({ length: phones }, () => this.#newPhone());
    const perArrival = 1 + BURST.chance * ((1 + BURST.most) / 2);
    const meanMs = (1_000 / (rate * (1 - (teamPhones > 0 ? TEAM_SHARE : 0)))) * perArrival;
    for (let next = Date.now(); next < end && !signal?.aborted; next += -Math.log(1 - random.next()) * meanMs) {
      const pauseMs = next - Date.now();
      if (pauseMs > 1) await sleep(pauseMs);
      if (this.#fault) throw this.#fault;
      this.#arrive(active);
    }
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
    if (this.#fault) throw this.#fault;
  }

  #arrive(active: Phone[]): void {
    const { random } = this.parts;
    const phone = this.#choose(active);
    this.#track(this.#text(phone));
    if (!random.chance(BURST.chance)) return;
    let afterMs = 0;
    for (let extra = random.pick([1, BURST.most]); extra > 0; extra -= 1) {
      afterMs += random.between(BURST.fromMs, BURST.toMs);
      this.#track(sleep(afterMs).then(() => this.#text(phone)));
    }
  }

  #choose(active: Phone[]): Phone {
    const slot = Math.floor(this.parts.random.next() * active.length);
    const { sentAt } = active[slot]!;
    const recent = sentAt.filter((at) => at > Date.now() - 30_000).length;
    // One that has texted a lot is replaced by another phone.
    if (sentAt.length >= TEXTS_PER_PHONE - BURST.most || recent >= TEXTS_IN_30_S) active[slot] = this.#newPhone();
    return active[slot]!;
  }

  #newPhone(line = this.parts.random.weighted(this.parts.lines)): Phone {
    this.#phones += 1;
    return { phone: `+1777${String(this.#phones).padStart(7, '0')}`, line, sentAt: [] };
  }

  async #text(phone: Phone): Promise<void> {
    const { random } = this.parts;
    const id = `t${this.sent.length}`;
    const isLong = random.chance(LONG_CHANCE);
    const markers = isLong ? ['a', 'b', 'c'].map((part) => `[${id}${part}]`) : [`[${id}]`];
    const words = (count: number): string => Array.from({ length: count }, () => random.pick(WORDS)).join(' ');
    const body = isLong
      ? `${markers[0]} ${words(180)}. ${markers[1]} ${words(180)}. ${markers[2]}`
      : `${markers[0]} ${words(4)}${random.chance(0.1) ? ' 👋' : ''}`;
    const text = await this.#send(phone, body, markers);
    if (random.chance(REPOST.chance)) this.#track(this.#repost(text, body, random.between(REPOST.fromMs, REPOST.toMs)));
  }

  async #repost({ sid, phone, number }: SentText, body: string, afterMs: number): Promise<void> {
    await sleep(afterMs);
    this.reposted.push(sid);
    await this.parts.twin.text(phone, { to: number, body, message_sid: sid });
  }

  async #send(phone: Phone, body: string, markers: readonly string[]): Promise<SentText> {
    const { line } = phone;
    const text = { sid: `SM${this.parts.random.hex(32)}`, phone: phone.phone, number: line.number, agent: line.agent, markers };
    // Listed before it is sent: what fails half-way is audited too.
    this.sent.push(text);
    phone.sentAt.push(Date.now());
    await this.parts.twin.text(text.phone, { to: text.number, body, message_sid: text.sid });
    return text;
  }

  /** One phone after the other that texts the built-in team, each text after the answer to the one before. */
  async #converse(end: number, signal?: AbortSignal): Promise<void> {
    const { random, twin, teamNumber } = this.parts;
    const line = { number: teamNumber, agent: TEAM, weight: 0 };
    for (let phone = this.#newPhone(line); Date.now() < end && !signal?.aborted;) {
      if (phone.sentAt.length >= TEXTS_PER_PHONE) phone = this.#newPhone(line);
      const before = (await twin.inbox(phone.phone)).at(-1)?.seq ?? 0;
      await this.#send(phone, random.pick(QUESTIONS), []);
      const answers = await twin.inbox(phone.phone, before, TEAM_PATIENCE_S);
      // No answer: what came later could not be told from the answer to a later text, so this phone stays silent.
      if (answers.length === 0) phone = this.#newPhone(line);
      await sleep(random.between(500, 2_500));
    }
  }

  #track(work: Promise<unknown>): void {
    const entry = work
      .catch((error: unknown) => {
        this.#fault ??= error;
      })
      .finally(() => this.#underWay.delete(entry));
    this.#underWay.add(entry);
  }
}
