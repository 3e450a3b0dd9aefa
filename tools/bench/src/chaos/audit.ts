/**
 * What became of every text, judged by what the phones received; the database only says which texts were stored, in
 * which order, and which turns ended with an apology.
 *
 * What this audit cannot see:
 * - The words of an answer: an echo is recognised by its text's marker alone, the built-in team's answers by their moment.
 * - A text to the built-in team whose answer is another text's answer: those phones wait, so one comes for each.
 * - A doubled TwiML that the carrier itself would drop: the same TwiML for a SID that was posted in two goes counts as a
 *   repeat, since the design promises it to a repeated SID. Any other second answer counts as doubled.
 * - The order of two texts that were sent within TOGETHER_MS, or of which the earlier one had to be posted again by the
 *   carrier: there the order of storage decides. Such pairs are counted (`reordered_on_the_way`), not hidden.
 * - What a real carrier does after it has taken a message: the twin delivers at once and in the order of acceptance.
 * - Lost commits of a power cut: kill -9 of Postgres leaves the page cache of the machine alone. Network partitions,
 *   more than one replica or machine, and failover of Redis or Postgres are not part of the run either.
 * - What the agents were told: history and session state are not compared.
 */
import type { Evidence, StoredText } from './evidence.js';
import { TEAM, type SentText } from './load.js';
import { recoveriesOf, type Recovery } from './recovery.js';
import { conversationOf, postedTwice, readInboxes, readTeamInboxes, type Inboxes, type Reception } from './receptions.js';
import type { InboxMessage } from './twin.client.js';
import { readWebhooks, type Webhook } from './webhooks.js';

export type FindingKind = 'lost' | 'doubled' | 'misordered' | 'late' | 'late_gateway_died' | 'late_carrier' | 'never_accepted' | 'stray' | 'slow_recovery';

export interface Finding {
  kind: FindingKind;
  /** The text; null for a message that belongs to none. */
  sid: string | null;
  why: string;
  /** The other text of a pair. */
  other?: string;
}

export interface Audit {
  counts: {
    sent: number;
    accepted: number;
    answered_twiml: number;
    answered_rest: number;
    /** Of those: answered together with a later text, in that one's answer. */
    covered: number;
    apologised: number;
    repeats: number;
    reordered_on_the_way: number;
  };
  /** From the moment of sending to the phone's first message about it. */
  waitsMs: { twiml: number[]; rest: number[]; apology: number[]; webhook: number[] };
  findings: Finding[];
  /** SIDs of the answered texts that waited longest. */
  slowest: string[];
  recoveries: Recovery[];
}

const TOGETHER_MS = 100;
const REST_LIMIT_MS = 30_000;
const REST_LIMIT_AFTER_DEATH_MS = 60_000;
const CARRIER_WEBHOOK_LIMIT_MS = 15_000;
/** A REST call of the gateway ends within this time. */
const HAND_OUT_MS = 10_000;

/** A text with all that is known of it. */
interface Case {
  text: SentText;
  webhook: Webhook | undefined;
  stored: StoredText | undefined;
  /** By marker, or one list for a text without markers. */
  received: InboxMessage[][];
  isApologised: boolean;
}

export const audit = (evidence: Evidence): Audit => {
  const { sent, log, inbox, apology, texts, turns } = evidence;
  const webhooks = readWebhooks(log);
  const repeatable = postedTwice(log, evidence.reposted);
  const [team, echo] = [sent.filter(({ agent }) => agent === TEAM), sent.filter(({ agent }) => agent !== TEAM)];
  const teamPhones = new Set(team.map(({ phone }) => phone));
  const inboxes = readInboxes(echo, inbox.filter(({ to }) => !teamPhones.has(to)), apology, repeatable);
  const teamInboxes = readTeamInboxes(team, inbox.filter(({ to }) => teamPhones.has(to)), (sid) => webhooks.get(sid)?.sentAt ?? Infinity, repeatable);

  const stored = new Map(texts.map((text) => [text.message_sid, text]));
  const apologised = new Set(turns.filter(({ status }) => status === 'apologised').flatMap(({ message_ids }) => message_ids));
  const cases = sent.map((text): Case => {
    const row = stored.get(text.sid);
    return {
      text,
      webhook: webhooks.get(text.sid),
      stored: row,
      received: text.agent === TEAM ? [teamInboxes.answers.get(text.sid) ?? []] : text.markers.map((marker) => inboxes.byMarker.get(marker) ?? []),
      isApologised: row !== undefined && apologised.has(row.id),
    };
  });

  const order = ordersOf(cases, inboxes);
  const recoveries = recoveriesOf(evidence, (textId) => firstReception(cases.find((one) => one.stored?.id === textId))?.at ?? null);
  const findings = [
    ...cases.flatMap(fateOf),
    ...apologyFindings(evidence, cases, inboxes),
    ...sentTwiceFindings(evidence, [...inboxes.repeats, ...teamInboxes.repeats]),
    ...order.findings,
    ...cases.flatMap((one) => latenessOf(one, evidence)),
    ...inboxes.strays.map((message): Finding => ({ kind: 'stray', sid: message.in_reply_to_sid ?? null, why: `message ${message.sid} to ${message.to} answers no text of that phone` })),
    ...recoveries.filter(({ isSlow, others }) => isSlow && others.length === 0).map((one): Finding => ({ kind: 'slow_recovery', sid: null, why: `text ${one.textId}: ${one.ms === null ? 'never' : `${one.ms} ms`} after the adapter’s death` })),
  ];
  return { counts: countsOf(cases, inboxes.repeats.length + teamInboxes.repeats.length, order.reordered, evidence), waitsMs: waitsOf(cases, evidence), findings, slowest: slowestOf(cases), recoveries };
};

const isStoredOrAccepted = ({ stored, webhook }: Case): boolean => stored !== undefined || webhook?.isAccepted === true;

const isAnswered = ({ received }: Case): boolean => received.every((messages) => messages.length > 0);

const isTouched = ({ received }: Case): boolean => received.some((messages) => messages.length > 0);

const firstReception = (one: Case | undefined): InboxMessage | null => one?.received.flatMap((messages) => messages.slice(0, 1)).toSorted((a, b) => a.seq - b.seq)[0] ?? null;

/** Lost, doubled, or never taken by the app. */
const fateOf = (one: Case): Finding[] => {
  const { text, stored, webhook, received, isApologised } = one;
  const finding = (kind: FindingKind, why: string): Finding => ({ kind, sid: text.sid, why });
  const most = Math.max(...received.map((messages) => messages.length));
  if (most > 1) return [finding('doubled', `${most} messages for it: ${received.flat().map(({ sid, via }) => `${sid} (${via})`).join(', ')}`)];
  if (isApologised && text.markers.length > 0 && isTouched(one)) return [finding('doubled', 'answered, and its turn was apologised for')];
  if (isAnswered(one)) return stored ? [] : [finding('lost', 'answered, but no row of it is left')];
  if (!isStoredOrAccepted(one)) return [finding('never_accepted', webhook?.fault ?? 'the carrier knows nothing of it')];
  if (!stored) return [finding('lost', 'accepted, but not stored')];
  if (isApologised) return [];
  const got = received.filter((messages) => messages.length > 0).length;
  return [finding('lost', got > 0 ? `only ${got} of ${received.length} parts came` : `no answer; the text is ${stored.status}`)];
};

/** An apology is an answer of its turn: it must arrive, and once. */
const apologyFindings = ({ turns, answers, inbox, texts, apology }: Evidence, cases: readonly Case[], { apologies }: Inboxes): Finding[] => {
  const sids = new Map(texts.map(({ id, message_sid }) => [id, message_sid]));
  const known = new Set(cases.map(({ text }) => text.sid));
  const delivered = new Set(inbox.filter(({ body }) => body === apology).map(({ sid }) => sid));
  const findings: Finding[] = [];
  const expected = new Set<string>();
  for (const turn of turns.filter(({ status }) => status === 'apologised')) {
    const sid = sids.get(turn.message_ids.at(-1)!) ?? null;
    if (sid === null || !known.has(sid)) continue;
    const answer = answers.find(({ turn_id }) => turn_id === turn.id);
    if (answer?.message_sid && delivered.has(answer.message_sid)) expected.add(answer.message_sid);
    else findings.push({ kind: 'lost', sid, why: `the apology of turn ${turn.id} did not reach the phone` });
  }
  for (const message of apologies) {
    if (!expected.has(message.sid)) findings.push({ kind: 'doubled', sid: message.in_reply_to_sid ?? null, why: `an apology (${message.sid}) that no turn made` });
  }
  return findings;
};

/** The carrier gave two ids to one message of ours: right only for a TwiML that it asked for again itself. */
const sentTwiceFindings = ({ sentTwice, answers, texts }: Evidence, repeats: readonly InboxMessage[]): Finding[] => {
  const repeated = new Set(repeats.map(({ in_reply_to_sid }) => in_reply_to_sid));
  return sentTwice.flatMap((answerId): Finding[] => {
    const answer = answers.find(({ id }) => id === answerId);
    const sid = texts.find(({ id }) => id === answer?.in_reply_to)?.message_sid ?? null;
    return sid !== null && repeated.has(sid) ? [] : [{ kind: 'doubled', sid, why: `the carrier has two ids for message ${answerId}` }];
  });
};

/** Answers in the order of their texts; and texts stored in the order in which they were sent. */
const ordersOf = (cases: readonly Case[], { conversations }: Inboxes): { findings: Finding[]; reordered: number } => {
  const findings: Finding[] = [];
  const byMarker = new Map(cases.flatMap((one) => one.text.markers.map((marker, index) => [marker, { one, index }] as const)));
  for (const receptions of conversations.values()) findings.push(...answersOutOfOrder(receptions, byMarker));

  let reordered = 0;
  for (const conversation of Map.groupBy(cases, ({ text }) => conversationOf(text.phone, text.number)).values()) {
    const inOrder = conversation.filter(({ webhook, stored }) => webhook && stored?.seq != null).sort((a, b) => a.webhook!.sentSeq - b.webhook!.sentSeq);
    let newest: Case | null = null;
    for (const one of inOrder) {
      if (newest && one.stored!.seq! < newest.stored!.seq!) {
        const apartMs = one.webhook!.sentAt - newest.webhook!.sentAt;
        if (newest.webhook!.attempts > 1 || apartMs <= TOGETHER_MS) reordered += 1;
        else findings.push({ kind: 'misordered', sid: one.text.sid, why: `stored before ${newest.text.sid}, which was sent ${apartMs} ms earlier and posted once`, other: newest.text.sid });
      } else newest = one;
    }
  }
  return { findings, reordered };
};

const answersOutOfOrder = (receptions: readonly Reception[], byMarker: ReadonlyMap<string, { one: Case; index: number }>): Finding[] => {
  const findings: Finding[] = [];
  const seen = new Set<string>();
  let newest: { one: Case; index: number } | null = null;
  for (const { message, markers } of receptions) {
    for (const marker of markers) {
      const current = byMarker.get(marker)!;
      if (seen.has(marker) || current.one.stored?.seq == null) continue;
      seen.add(marker);
      const apart: number = newest ? current.one.stored.seq - newest.one.stored!.seq! || current.index - newest.index : 1;
      if (apart < 0) findings.push({ kind: 'misordered', sid: current.one.text.sid, why: `its answer ${message.sid} came after the answer to ${newest!.one.text.sid}, a later text`, other: newest!.one.text.sid });
      else newest = current;
    }
  }
  return findings;
};

const latenessOf = (one: Case, evidence: Evidence): Finding[] => {
  const { text, stored, webhook, received, isApologised } = one;
  const finding = (kind: FindingKind, why: string): Finding => ({ kind, sid: text.sid, why });
  if (!stored || !webhook) return [];
  if (webhook.isTimedOut || (webhook.waitedMs ?? 0) > CARRIER_WEBHOOK_LIMIT_MS) return [finding('late', 'its webhook was not answered within 15 s')];
  // An apology is due when the turn's own deadline is over (30 s): it is counted, and its wait is shown.
  if (isApologised) return [];
  const at = Math.max(0, ...received.flatMap((messages) => messages.slice(0, 1)).filter(({ via }) => via === 'rest').map((message) => message.at));
  const waitMs = Math.round(at - stored.at);
  if (waitMs <= REST_LIMIT_MS) return [];
  if (waitMs <= REST_LIMIT_AFTER_DEATH_MS) {
    if (didGatewayDie(stored, at, evidence)) return [finding('late_gateway_died', `${waitMs} ms`)];
    const faults = carrierFaults(text.phone, stored.at, at, evidence);
    if (faults >= 2) return [finding('late_carrier', `${waitMs} ms; the carrier refused or dropped ${faults} sends to this phone meanwhile`)];
  }
  return [finding('late', `${waitMs} ms after its receipt, by REST`)];
};

/** A gateway was killed while a message of this conversation was handed out and not yet recorded. */
const didGatewayDie = ({ at: storedAt, session_id }: StoredText, until: number, { answers, happened }: Evidence): boolean => {
  const handedAt = answers.filter((answer) => answer.session_id === session_id).flatMap(({ handed_at }) => handed_at).filter((at) => at >= storedAt && at < until);
  return happened.some(({ kind, name, at }) => kind === 'kill' && name === 'sms-gateway' && handedAt.some((handed) => handed <= at && at <= handed + HAND_OUT_MS));
};

/** Sends to the phone that the carrier refused, or took without saying so. */
const carrierFaults = (phone: string, from: number, until: number, { log }: Evidence): number => {
  const created = new Set(log.filter(({ type, to }) => type === 'message.created' && to === phone).map(({ sid }) => sid));
  return log.filter(({ type, at, to, method, sid }) => at >= from && at <= until && ((type === 'rest.refused' && method === 'POST' && to === phone) || (type === 'rest.dropped' && created.has(sid)))).length;
};

const countsOf = (cases: readonly Case[], repeats: number, reordered: number, { answers }: Evidence): Audit['counts'] => {
  const bySid = new Map(answers.map((answer) => [answer.message_sid, answer]));
  const answered = cases.filter((one) => isAnswered(one) && !one.isApologised);
  const via = (kind: string): number => answered.filter((one) => firstReception(one)!.via === kind).length;
  return {
    sent: cases.length,
    accepted: cases.filter(isStoredOrAccepted).length,
    answered_twiml: via('twiml'),
    answered_rest: via('rest'),
    covered: answered.filter((one) => bySid.get(firstReception(one)!.sid)?.in_reply_to !== one.stored?.id).length,
    apologised: cases.filter(({ isApologised }) => isApologised).length,
    repeats,
    reordered_on_the_way: reordered,
  };
};

const slowestOf = (cases: readonly Case[]): string[] => {
  const waits = cases.flatMap((one) => ({ sid: one.text.sid, ms: (firstReception(one)?.at ?? 0) - (one.webhook?.sentAt ?? 0) }));
  return waits.sort((a, b) => b.ms - a.ms).slice(0, 10).map(({ sid }) => sid);
};

const waitsOf = (cases: readonly Case[], { answers, inbox }: Evidence): Audit['waitsMs'] => {
  const waits: Audit['waitsMs'] = { twiml: [], rest: [], apology: [], webhook: [] };
  const received = new Map(inbox.map((message) => [message.sid, message]));
  const byTurn = new Map(answers.map((answer) => [answer.turn_id, answer]));
  for (const one of cases) {
    if (!one.webhook) continue;
    if (one.webhook.waitedMs !== null) waits.webhook.push(one.webhook.waitedMs);
    const message = one.isApologised ? received.get(byTurn.get(one.stored!.turn_id)?.message_sid ?? '') : firstReception(one);
    if (!message) continue;
    waits[one.isApologised ? 'apology' : message.via === 'twiml' ? 'twiml' : 'rest'].push(message.at - one.webhook.sentAt);
  }
  return waits;
};
