import { isAnswered, isStoredOrAccepted, isTouched, type Case, type Finding, type FindingKind } from './case.js';
import type { Evidence } from './evidence.js';
import type { InboxMessage } from './twin.client.js';

/** Lost, doubled, or never taken by the app. */
export const fateOf = (one: Case): Finding[] => {
  const { text, stored, webhook, received, isApologised } = one;
  const finding = (kind: FindingKind, why: string): Finding => ({ kind, sid: text.sid, why });
  const most = Math.max(...received.map((messages) => messages.length));
  if (most > 1)
    return [
      finding(
        'doubled',
        `${most} messages for it: ${received
          .flat()
          .map(({ sid, via }) => `${sid} (${via})`)
          .join(', ')}`,
      ),
    ];
  if (isApologised && text.markers.length > 0 && isTouched(one)) return [finding('doubled', 'answered, and its turn was apologised for')];
  if (isAnswered(one)) return stored ? [] : [finding('lost', 'answered, but no row of it is left')];
  if (!isStoredOrAccepted(one)) return [finding('never_accepted', webhook?.fault ?? 'the carrier knows nothing of it')];
  if (!stored) return [finding('lost', 'accepted, but not stored')];
  if (isApologised) return [];
  const got = received.filter((messages) => messages.length > 0).length;
  return [finding('lost', got > 0 ? `only ${got} of ${received.length} parts came` : `no answer; the text is ${stored.status}`)];
};

/** An apology is an answer of its turn: it must arrive, and once. `apologies`: all that phones received, without repeats. */
export const apologyFindings = ({ turns, answers, texts }: Evidence, apologies: readonly InboxMessage[]): Finding[] => {
  const sids = new Map(texts.map(({ id, message_sid }) => [id, message_sid]));
  const findings: Finding[] = [];
  const made = new Set<InboxMessage>();
  for (const turn of turns.filter(({ status }) => status === 'apologised')) {
    const sid = sids.get(turn.message_ids.at(-1)!)!;
    const answer = answers.find(({ turn_id }) => turn_id === turn.id);
    // By TwiML it names its text; by REST only the carrier's id tells which one it is.
    const received = apologies.filter((message) => message.in_reply_to_sid === sid || message.sid === answer?.message_sid);
    for (const message of received) made.add(message);
    if (received.length === 0) findings.push({ kind: 'lost', sid, why: `the apology of turn ${turn.id} did not reach the phone` });
    if (received.length > 1) findings.push({ kind: 'doubled', sid, why: `${received.length} apologies of turn ${turn.id}` });
  }
  return [
    ...findings,
    ...apologies
      .filter((message) => !made.has(message))
      .map(({ sid, in_reply_to_sid }): Finding => ({
        kind: 'doubled',
        sid: in_reply_to_sid ?? null,
        why: `an apology (${sid}) that no turn made`,
      })),
  ];
};

/** The carrier gave two ids to one message of ours: right only for a TwiML that it asked for again itself. */
export const sentTwiceFindings = ({ sentTwice, answers, texts }: Evidence, repeats: readonly InboxMessage[]): Finding[] => {
  const repeated = new Set(repeats.map(({ in_reply_to_sid }) => in_reply_to_sid));
  return sentTwice.flatMap((answerId): Finding[] => {
    const answer = answers.find(({ id }) => id === answerId);
    const sid = texts.find(({ id }) => id === answer?.in_reply_to)?.message_sid ?? null;
    return sid !== null && repeated.has(sid) ? [] : [{ kind: 'doubled', sid, why: `the carrier has two ids for message ${answerId}` }];
  });
};
