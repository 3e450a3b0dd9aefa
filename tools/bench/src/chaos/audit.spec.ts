import { audit } from './audit.js';
import type { FindingKind } from './case.js';
import type { Evidence, Happened, Hop, StoredAnswer, StoredText, StoredTurn } from './evidence.js';
import { TEAM, type SentText } from './load.js';
import type { InboxMessage, TwinEvent } from './twin.client.js';

const NUMBER = '+15550002000';
const APOLOGY = 'Sorry.';
const T0 = 1_000_000;

/** A run with texts that are sent a second apart, each answered in time by TwiML, before something is done to it. */
class Scene {
  readonly sent: SentText[] = [];
  readonly log: TwinEvent[] = [];
  readonly inbox: InboxMessage[] = [];
  readonly texts: StoredText[] = [];
  readonly answers: StoredAnswer[] = [];
  readonly turns: StoredTurn[] = [];
  readonly happened: Happened[] = [];
  reposted: string[] = [];
  sentTwice: string[] = [];

  /** Stored and taken by the carrier; not answered yet. */
  text(
    n: number,
    { phone = '+17770000001', agent = 'coalesce', markers = [`[t${n}]`] }: { phone?: string; agent?: string; markers?: string[] } = {},
  ): this {
    const at = T0 + n * 1_000;
    this.sent.push({ sid: `SM${n}`, phone, number: NUMBER, agent, markers });
    this.log.push({ seq: this.log.length + 1, at, type: 'text.sent', sid: `SM${n}`, from: phone, to: NUMBER });
    this.webhook(n, 200);
    this.texts.push({
      id: `id${n}`,
      message_sid: `SM${n}`,
      session_id: `s ${phone}`,
      seq: n,
      status: 'answered',
      turn_id: `turn${n}`,
      at: at + 10,
      received_at: at + 5,
      path: [],
    });
    this.turns.push({ id: `turn${n}`, session_id: `s ${phone}`, status: 'answered', attempts: 1, message_ids: [`id${n}`] });
    return this;
  }

  webhook(n: number, status: number, more: Partial<TwinEvent> = {}): this {
    this.log.push({
      seq: this.log.length + 1,
      at: T0 + n * 1_000 + 200,
      type: 'webhook.answered',
      sid: `SM${n}`,
      attempt: 1,
      is_duplicate: false,
      waited_ms: 200,
      http_status: status,
      twiml_messages: 0,
      ...more,
    });
    return this;
  }

  /** A message to the phone of text n, `afterMs` after that text. */
  message(
    n: number,
    body: string,
    { via = 'twiml', afterMs = 200, to = '+17770000001' }: { via?: 'twiml' | 'rest'; afterMs?: number; to?: string } = {},
  ): this {
    const seq = this.inbox.length + 1;
    const sid = `OUT${seq}`;
    this.inbox.push({
      seq,
      sid,
      from: NUMBER,
      to,
      body,
      via,
      at: T0 + n * 1_000 + afterMs,
      ...(via === 'twiml' && { in_reply_to_sid: `SM${n}` }),
    });
    this.answers.push({
      id: `a${seq}`,
      message_sid: sid,
      session_id: `s ${to}`,
      turn_id: `turn${n}`,
      in_reply_to: `id${n}`,
      part: 1,
      status: 'delivered',
      handed_via: via,
      handed_at: [T0 + n * 1_000 + afterMs - 20],
      path: [],
    });
    return this;
  }

  forget<T>(list: T[], isMeant: (entry: T) => boolean): this {
    list.splice(0, list.length, ...list.filter((entry) => !isMeant(entry)));
    return this;
  }

  get evidence(): Evidence {
    return { ...this, apology: APOLOGY };
  }

  /** What the audit finds, as `kind text`. */
  get found(): string[] {
    return audit(this.evidence).findings.map(({ kind, sid }: { kind: FindingKind; sid: string | null }) => `${kind} ${sid}`);
  }
}

describe('audit', () => {
  it('has nothing to say of a run in which everything went well', () => {
    const scene = new Scene().text(1).message(1, 'echo: [t1]').text(2).message(2, 'echo: [t2]', { via: 'rest', afterMs: 3_000 });
    const { counts, findings } = audit(scene.evidence);
    expect(findings).toEqual([]);
    expect(counts).toMatchObject({ sent: 2, accepted: 2, answered_twiml: 1, answered_rest: 1, covered: 0, apologised: 0 });
  });

  it('counts a text that is answered with a later one as covered', () => {
    const { counts, findings } = audit(new Scene().text(1).text(2).message(2, 'echo: [t1] a\n[t2] b').evidence);
    expect(findings).toEqual([]);
    expect(counts).toMatchObject({ answered_twiml: 2, covered: 1 });
  });

  it('finds a text without an answer, whether the carrier was told that it was taken or it is only stored', () => {
    const unsaid = new Scene().text(2);
    unsaid.forget(unsaid.log, ({ type }) => type === 'webhook.answered').webhook(2, 503);
    expect(new Scene().text(1).found).toEqual(['lost SM1']);
    expect(unsaid.found).toEqual(['lost SM2']);
  });

  it('finds a text that was taken and is not in the database', () => {
    const scene = new Scene().text(1);
    scene.forget(scene.texts, () => true);
    expect(scene.found).toEqual(['lost SM1']);
    expect(scene.message(1, 'echo: [t1]').found).toEqual(['lost SM1']);
  });

  it('lists a text that the app never took, with the reason', () => {
    const scene = new Scene().text(1);
    scene
      .forget(scene.texts, () => true)
      .forget(scene.log, ({ type }) => type === 'webhook.answered')
      .webhook(1, 503);
    const { findings } = audit(scene.evidence);
    expect(findings).toEqual([{ kind: 'never_accepted', sid: 'SM1', why: 'HTTP 503' }]);
  });

  it('finds a long answer of which a part is missing', () => {
    expect(new Scene().text(1, { markers: ['[t1a]', '[t1b]'] }).message(1, 'echo: [t1a] …').found).toEqual(['lost SM1']);
  });

  it('finds a second answer, by TwiML and by REST, and twice in one message', () => {
    const answered = (): Scene => new Scene().text(1).message(1, 'echo: [t1]');
    expect(answered().message(1, 'echo: [t1]', { via: 'rest', afterMs: 4_000 }).found).toEqual(['doubled SM1']);
    expect(answered().message(1, 'echo: [t1]').found).toEqual(['doubled SM1']);
    expect(new Scene().text(1).message(1, 'echo: [t1]\n[t1]').found).toEqual(['doubled SM1']);
  });

  it('takes the same TwiML again for a repeat only if the carrier posted the text in two goes', () => {
    const scene = new Scene().text(1).message(1, 'echo: [t1]').webhook(1, 200, { is_duplicate: true }).message(1, 'echo: [t1]');
    expect(scene.found).toEqual([]);
    expect(audit(scene.evidence).counts.repeats).toBe(1);
    expect(scene.message(1, 'echo: [t1] again').found).toEqual(['doubled SM1']);
  });

  it('finds a message with two ids of the carrier, unless that was such a repeat', () => {
    const scene = new Scene().text(1).message(1, 'echo: [t1]');
    scene.sentTwice = ['a1'];
    expect(scene.found).toEqual(['doubled SM1']);
    scene.reposted = ['SM1'];
    expect(scene.message(1, 'echo: [t1]').found).toEqual([]);
  });

  it('finds answers in another order than their texts, and parts in another order than the whole', () => {
    expect(new Scene().text(1).text(2).message(2, 'echo: [t2]').message(1, 'echo: [t1]', { afterMs: 3_000 }).found).toEqual([
      'misordered SM1',
    ]);
    expect(new Scene().text(1).text(2).message(2, 'echo: [t2]\n[t1]').found).toEqual(['misordered SM1']);
    expect(
      new Scene()
        .text(1, { markers: ['[t1a]', '[t1b]'] })
        .message(1, '[t1b]')
        .message(1, '[t1a]', { via: 'rest' }).found,
    ).toEqual(['misordered SM1']);
  });

  it('finds texts that were stored in another order than sent, unless the later one was sent before the earlier one was seen, or the carrier had to post that again', () => {
    const swapped = (): Scene => {
      const scene = new Scene().text(1).text(2).message(2, 'echo: [t2]').message(1, 'echo: [t1]', { afterMs: 3_000 });
      scene.texts.forEach((text) => (text.seq = 3 - text.seq!));
      return scene;
    };
    expect(swapped().found).toEqual(['misordered SM2']);
    const slow = swapped();
    slow.texts[0]!.received_at = T0 + 2_000;
    expect(slow.found).toEqual([]);
    slow.texts[0]!.received_at = T0 + 1_999;
    expect(slow.found).toEqual(['misordered SM2']);
    const retried = swapped();
    retried.log.push({
      seq: 99,
      at: T0 + 2_500,
      type: 'webhook.answered',
      sid: 'SM1',
      attempt: 2,
      is_duplicate: false,
      waited_ms: 1_500,
      http_status: 200,
    });
    retried.forget(retried.log, ({ sid, attempt }) => sid === 'SM1' && attempt === 1);
    expect(retried.found).toEqual([]);
    expect(audit(retried.evidence).counts.reordered_on_the_way).toBe(1);
  });

  it('finds an answer by REST after more than 30 s, and tells which ones the death of the gateway explains', () => {
    const late = (afterMs: number): Scene => new Scene().text(1).message(1, 'echo: [t1]', { via: 'rest', afterMs });
    expect(late(29_000).found).toEqual([]);
    expect(late(31_000).found).toEqual(['late SM1']);
    const killed = (name: string, scene: Scene): Scene => {
      scene.answers[0]!.handed_at.unshift(T0 + 4_000);
      scene.happened.push({ kind: 'kill', name, what: 'is killed', at: T0 + 4_100, until: T0 + 6_000 });
      return scene;
    };
    expect(killed('sms-gateway', late(31_000)).found).toEqual(['late_gateway_died SM1']);
    expect(killed('redis', late(31_000)).found).toEqual(['late SM1']);
    expect(killed('sms-gateway', late(61_500)).found).toEqual(['late SM1']);
  });

  it('names a carrier that failed as the reason, as far as 17 s for each failure explain it', () => {
    const refused = (times: number, afterMs: number): Scene => {
      const scene = new Scene().text(1).message(1, 'echo: [t1]', { via: 'rest', afterMs });
      const refusal = { at: T0 + 5_000, type: 'rest.refused', sid: '', http_status: 500, method: 'POST', to: '+17770000001' };
      for (let i = 0; i < times; i += 1) scene.log.push({ seq: 50 + i, ...refusal });
      return scene;
    };
    expect(refused(0, 31_000).found).toEqual(['late SM1']);
    expect(refused(1, 46_000).found).toEqual(['late_carrier SM1']);
    expect(refused(1, 48_000).found).toEqual(['late SM1']);
    expect(refused(2, 48_000).found).toEqual(['late_carrier SM1']);
    expect(refused(5, 61_500).found).toEqual(['late SM1']);
  });

  it('finds a webhook that the carrier had to give up', () => {
    const scene = new Scene().text(1).message(1, 'echo: [t1]', { via: 'rest', afterMs: 16_000 });
    scene.forget(scene.log, ({ type }) => type === 'webhook.answered');
    scene.log.push({
      seq: 9,
      at: T0 + 16_000,
      type: 'webhook.failed',
      sid: 'SM1',
      attempt: 1,
      is_duplicate: false,
      waited_ms: 15_000,
      error: 'no answer within 15000 ms',
    });
    expect(scene.found).toEqual(['late SM1']);
  });

  it('takes an apology for an answer if its turn made it and the phone has it', () => {
    const apologised = (): Scene => {
      const scene = new Scene().text(1);
      scene.turns[0]!.status = 'apologised';
      return scene;
    };
    const delivered = apologised().message(1, APOLOGY, { via: 'rest', afterMs: 31_000 });
    expect(delivered.found).toEqual([]);
    expect(audit(delivered.evidence).counts).toMatchObject({ apologised: 1, answered_rest: 0 });
    expect(apologised().found).toEqual(['lost SM1']);
    expect(apologised().message(1, APOLOGY).message(1, 'echo: [t1]').found).toEqual(['doubled SM1']);
    expect(new Scene().text(1).message(1, 'echo: [t1]').message(1, APOLOGY, { via: 'rest' }).found).toEqual(['doubled null']);
  });

  it('finds a message that answers no text of its phone', () => {
    const other = new Scene().text(1).message(1, 'echo: [t1]').message(1, 'echo: [t1]', { to: '+17770000002', via: 'rest' });
    expect(other.found).toEqual(['stray null']);
    expect(new Scene().text(1).message(1, 'echo: [t1]').message(1, 'Who are you?', { via: 'rest' }).found).toEqual(['stray null']);
  });

  it('counts the messages of a phone that waits for the built-in team', () => {
    const team = (n: number): Scene => new Scene().text(n, { agent: TEAM, markers: [] });
    expect(team(1).message(1, 'Hello!').found).toEqual([]);
    expect(team(1).found).toEqual(['lost SM1']);
    expect(team(1).message(1, 'Hello!').message(1, 'Hello!', { via: 'rest', afterMs: 9_000 }).found).toEqual(['doubled SM1']);
  });

  it('measures how long a text waits whose turn a killed adapter ran', () => {
    const killed = (afterMs: number, others: Happened[] = []): Scene => {
      const scene = new Scene().text(1).message(1, 'echo: [t1]', { via: 'rest', afterMs });
      scene.happened.push(
        { kind: 'kill', name: 'mcp-adapter', what: 'is killed', at: T0 + 1_100, until: T0 + 3_000, runningTexts: ['id1'] },
        ...others,
      );
      return scene;
    };
    expect(killed(7_000).found).toEqual([]);
    expect(audit(killed(7_000).evidence).recoveries).toMatchObject([{ ms: 6_900, isSlow: false, others: [] }]);
    // The agent thinks for 150 ms.
    expect(killed(8_200).found).toEqual([]);
    expect(killed(8_300).found).toEqual(['slow_recovery SM1']);
    expect(killed(8_300, [{ kind: 'kill', name: 'postgres', what: 'is killed', at: T0 + 2_000, until: T0 + 4_000 }]).found).toEqual([]);
    expect(killed(8_300, [{ kind: 'flush', name: 'redis', what: 'is flushed', at: T0 + 2_000, until: T0 + 2_000 }]).found).toEqual([
      'slow_recovery SM1',
    ]);
    expect(killed(8_300, [{ kind: 'kill', name: 'billing', what: 'is killed', at: T0 + 2_000, until: T0 + 4_000 }]).found).toEqual([
      'slow_recovery SM1',
    ]);
  });

  it('does not blame the adapter for an answer that waits behind one in doubt at the carrier', () => {
    const scene = new Scene().text(1).message(1, 'echo: [t1]', { via: 'rest', afterMs: 500 });
    scene.text(2).message(2, 'echo: [t2]', { via: 'rest', afterMs: 9_000 });
    scene.happened.push({ kind: 'kill', name: 'mcp-adapter', what: 'is killed', at: T0 + 2_100, until: T0 + 4_000, runningTexts: ['id2'] });
    const carried = (at: number): Hop[] => [
      { hop: 'handed_out', at: new Date(T0 + 1_480).toISOString(), by: 'sms-gateway' },
      { hop: 'sent', at: new Date(at).toISOString(), by: 'carrier' },
    ];
    scene.answers[0]!.path = carried(T0 + 1_900);
    expect(scene.found).toEqual(['slow_recovery SM2']);
    scene.answers[0]!.path = carried(T0 + 10_000);
    expect(scene.found).toEqual([]);
  });
});
