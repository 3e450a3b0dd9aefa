/**
 * What became of every text, judged by what the phones received; the database only says which texts were stored, in
 * which order, and which turns ended with an apology.
 *
 * What this audit cannot see:
 * - The words of an answer: an echo is recognised by its text's marker alone, the built-in team's answers by their moment.
 * - A text to the built-in team whose answer is another text's answer: those phones wait, so one comes for each.
 * - A doubled TwiML that the carrier itself would drop: the same TwiML for a SID that was posted in two goes counts as a
 *   repeat, since the design promises it to a repeated SID. Any other second answer counts as doubled.
 * - The order of two texts of which the later one was sent before the gateway's code had seen the earlier one, as its hop
 *   `received` says, or of which the earlier one had to be posted again by the carrier: there the order of storage
 *   decides. Such pairs are counted (`reordered_on_the_way`), not hidden.
 * - What a real carrier does after it has taken a message: the twin delivers at once and in the order of acceptance.
 * - Lost commits of a power cut: kill -9 of Postgres leaves the page cache of the machine alone. Network partitions,
 *   more than one replica or machine, and failover of Redis or Postgres are not part of the run either.
 * - What the agents were told: history and session state are not compared.
 */
import { firstReception, isAnswered, isStoredOrAccepted, type Case, type Finding } from './case.js';
import type { Evidence } from './evidence.js';
import { apologyFindings, fateOf, sentTwiceFindings } from './fate.js';
import { latenessOf } from './lateness.js';
import { TEAM } from './load.js';
import { ordersOf } from './order.js';
import { postedTwice, readInboxes, readTeamInboxes } from './receptions.js';
import { recoveriesOf, type Recovery } from './recovery.js';
import { readWebhooks } from './webhooks.js';

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

export const audit = (evidence: Evidence): Audit => {
  const { sent, log, inbox, apology, texts, turns } = evidence;
  const webhooks = readWebhooks(log);
  const repeatable = postedTwice(log, evidence.reposted);
  const [team, echo] = [sent.filter(({ agent }) => agent === TEAM), sent.filter(({ agent }) => agent !== TEAM)];
  const teamPhones = new Set(team.map(({ phone }) => phone));
  const inboxes = readInboxes(
    echo,
    inbox.filter(({ to }) => !teamPhones.has(to)),
    apology,
    repeatable,
  );
  const teamInboxes = readTeamInboxes(
    team,
    inbox.filter(({ to }) => teamPhones.has(to)),
    (sid) => webhooks.get(sid)?.sentAt ?? Infinity,
    repeatable,
  );

  const stored = new Map(texts.map((text) => [text.message_sid, text]));
  const apologised = new Set(turns.filter(({ status }) => status === 'apologised').flatMap(({ message_ids }) => message_ids));
  const cases = sent.map((text): Case => {
    const row = stored.get(text.sid);
    return {
      text,
      webhook: webhooks.get(text.sid),
      stored: row,
      received:
        text.agent === TEAM ? [teamInboxes.answers.get(text.sid) ?? []] : text.markers.map((marker) => inboxes.byMarker.get(marker) ?? []),
      isApologised: row !== undefined && apologised.has(row.id),
    };
  });

  const repeats = [...inboxes.repeats, ...teamInboxes.repeats];
  const order = ordersOf(cases, inboxes);
  const recoveries = recoveriesOf(evidence, (textId) => firstReception(cases.find((one) => one.stored?.id === textId))?.at ?? null);
  const findings = [
    ...cases.flatMap(fateOf),
    ...apologyFindings(
      evidence,
      inbox.filter((message) => message.body === apology && !repeats.includes(message)),
    ),
    ...sentTwiceFindings(evidence, repeats),
    ...order.findings,
    ...cases.flatMap((one) => latenessOf(one, evidence)),
    ...inboxes.strays.map((message): Finding => ({
      kind: 'stray',
      sid: message.in_reply_to_sid ?? null,
      why: `message ${message.sid} to ${message.to} answers no text of that phone`,
    })),
    ...recoveries
      .filter(({ isSlow, others }) => isSlow && others.length === 0)
      .map((one): Finding => ({
        kind: 'slow_recovery',
        sid: one.sid,
        why: `${one.ms === null ? 'never' : `${one.ms} ms`} after the adapter’s death`,
      })),
  ];
  return {
    counts: countsOf(cases, repeats.length, order.reordered, evidence),
    waitsMs: waitsOf(cases, evidence),
    findings,
    slowest: slowestOf(cases),
    recoveries,
  };
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
  return waits
    .sort((a, b) => b.ms - a.ms)
    .slice(0, 10)
    .map(({ sid }) => sid);
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
