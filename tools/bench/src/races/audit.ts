import type { Carrier } from './carrier.js';
import type { Facts, OutboundFact, TextFact } from './facts.js';
import type { Run, Span } from './run.js';

export type Fault = 'late' | 'lost' | 'doubled' | 'misordered';

/** One breach of the promise. */
export interface Violation {
  fault: Fault;
  what: string;
}

const FINISHED = ['answered', 'apologised'];
/** The gate said no because of an opt-out. */
const STOPPED = ['epoch', 'opted_out'];

/** Everything that went wrong in a run, judged by what the database holds, in the order of its commits, and what the carrier got. */
export const audit = (run: Run, facts: Facts, carrier: Carrier): Violation[] => {
  const found: Violation[] = [];
  const blame = (fault: Fault, what: string): void => void found.push({ fault, what });
  judgeHandOuts(facts, blame);
  judgeLeases(run, blame);
  for (const text of facts.texts) judgeText(run, text, facts, carrier, blame);
  judgeDeliveries(facts, carrier, blame);
  judgeOrder(run, facts, carrier, blame);
  for (const text of run.accepted.values())
    if (!facts.texts.some(({ id }) => id === text.messageId)) blame('lost', `text ${text.messageId} was accepted and is not stored`);
  for (const leftover of facts.leftovers) blame('lost', `left for ever: ${leftover}`);
  return found;
};

type Blame = (fault: Fault, what: string) => void;

/** Nothing is handed out after a STOP has committed: neither while opted out, nor later for a text from before it. */
const judgeHandOuts = ({ handOuts, consents, outbound, texts }: Facts, blame: Blame): void => {
  for (const handOut of handOuts) {
    const message = outbound.find(({ id }) => id === handOut.messageId)!;
    if (message.purpose === 'confirmation') continue;
    const before = consents.filter(({ at }) => at < handOut.at);
    if (before.at(-1)?.isOut) blame('late', `${message.id} was handed out at ${handOut.at}, after the opt-out of ${before.at(-1)!.at}`);
    const asked = Math.min(...texts.filter(({ turnId }) => turnId !== null && turnId === message.turnId).map(({ at }) => at));
    const stop = before.find(({ isOut, at }) => isOut && at > asked);
    if (stop)
      blame('late', `${message.id}, which answers a text of ${asked}, was handed out at ${handOut.at}, after the opt-out of ${stop.at}`);
  }
};

/** Whoever lost its lease, to another claim or a move of the session, finishes in vain. */
const judgeLeases = (run: Run, blame: Blame): void => {
  for (const { session, token, claimed, asked } of run.answers) {
    const taken = run.takeovers.find(
      (takeover) => takeover.session === session && takeover.token !== token && takeover.span.start > claimed && takeover.span.end < asked,
    );
    if (taken) blame('late', `an answer was stored at ${asked} with the lease of ${claimed}, which was void since ${taken.span.end}`);
  }
};

/** Each text ends answered, apologised, or closed or held by an opt-out. */
const judgeText = (run: Run, text: TextFact, facts: Facts, carrier: Carrier, blame: Blame): void => {
  // In one transaction if they came in one batch.
  const isStopped = facts.consents.some(({ isOut, at }) => isOut && at >= text.at);
  const accepted = [...run.accepted.values()].find(({ messageId }) => messageId === text.id);
  switch (text.status) {
    case 'answered':
      if (!FINISHED.includes(text.turnStatus ?? '')) return blame('lost', `${text.id} is answered by a turn that is ${text.turnStatus}`);
      return judgeAnswer(
        text.id,
        facts.outbound.filter(({ turnId }) => turnId === text.turnId),
        isStopped,
        carrier,
        blame,
      );
    case 'handled':
      if (text.answerId)
        judgeAnswer(
          text.id,
          facts.outbound.filter(({ id }) => id === text.answerId),
          isStopped,
          carrier,
          blame,
        );
      return;
    case 'closed':
      if (!isStopped) blame('lost', `${text.id} was closed, and nobody opted out after it`);
      return;
    case 'held':
      if (accepted && !mayBeOut(run, accepted.span)) blame('lost', `${text.id} was held, and nobody was opted out`);
      return;
    default:
      blame('lost', `${text.id} was left as ${text.status}`);
  }
};

/** Every part of it reached the carrier, was refused by the carrier for good, or was stopped by an opt-out since. */
const judgeAnswer = (text: string, parts: OutboundFact[], isStopped: boolean, carrier: Carrier, blame: Blame): void => {
  if (parts.length === 0) blame('lost', `the answer to ${text} is not there`);
  for (const part of parts) {
    if (carrier.find(part.id) || (part.status === 'failed' && carrier.isRefused(part.id))) continue;
    if (isStopped && STOPPED.includes(part.rule ?? '')) continue;
    blame('lost', `${part.id}, which answers ${text}, never left: ${part.status}, rule ${part.rule}`);
  }
};

/** A text may be held if an opt-out had begun before it was done, unless an opt-in came surely after that and surely before it. */
const mayBeOut = (run: Run, text: Span): boolean =>
  run.outs.some((out) => out.start < text.end && !run.ins.some((again) => out.end < again.start && again.end < text.start));

/** The carrier gets each message once, and each text one answer. */
const judgeDeliveries = ({ outbound, texts, usageTwice }: Facts, carrier: Carrier, blame: Blame): void => {
  const answers = new Map<string, string>();
  for (const { id } of outbound) {
    const deliveries = carrier.deliveriesOf(id);
    if (deliveries.length > 1)
      blame(
        'doubled',
        `${id} reached the carrier ${deliveries.length} times: ${deliveries.map(({ via, sid }) => `${via} ${sid}`).join(', ')}`,
      );
    for (const { inboundSid } of deliveries) {
      if (!inboundSid) continue;
      if (answers.has(inboundSid)) blame('doubled', `${inboundSid} got ${answers.get(inboundSid)} and ${id}`);
      answers.set(inboundSid, id);
    }
  }
  for (const [turnId, parts] of Map.groupBy(outbound, (message) => message.turnId)) {
    const first = parts.filter(({ part }) => part === 1).length;
    if (turnId !== null && first > 1) blame('doubled', `turn ${turnId} was answered ${first} times`);
  }
  for (const text of texts) if (text.turns > 1) blame('doubled', `${text.id} was answered by ${text.turns} turns`);
  for (const id of usageTwice) blame('doubled', `${id} was billed as something that it is not, or more than once`);
};

/** Texts of a session are numbered without gaps, and their answers reach the carrier in that order. */
const judgeOrder = (run: Run, { sessions, texts, outbound }: Facts, carrier: Carrier, blame: Blame): void => {
  for (const session of sessions) {
    const seqs = texts.flatMap((text) => (text.sessionId === session.id && text.seq !== null ? [text.seq] : [])).sort((a, b) => a - b);
    if (seqs.some((seq, i) => seq !== i + 1) || seqs.length !== session.lastSeq)
      blame('misordered', `session ${session.id} numbers its texts ${seqs.join(' ')} up to ${session.lastSeq}`);
  }
  for (const answers of Map.groupBy(outbound, ({ orderId }) => orderId).values()) {
    const arrived = answers
      .flatMap((answer) =>
        run.lostOnWire.has(answer.id)
          ? []
          : carrier
              .deliveriesOf(answer.id)
              .slice(0, 1)
              .map(({ order }) => ({ ...answer, order })),
      )
      .sort((a, b) => a.order - b.order);
    for (const [i, answer] of arrived.entries()) {
      const previous = arrived[i - 1];
      if (previous && (answer.toSeq < previous.toSeq || (answer.toSeq === previous.toSeq && answer.part < previous.part))) {
        blame(
          'misordered',
          `${answer.id} (${answer.toSeq}/${answer.part}) reached the carrier after ${previous.id} (${previous.toSeq}/${previous.part})`,
        );
      }
    }
  }
};
