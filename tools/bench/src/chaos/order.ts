import type { Case, Finding } from './case.js';
import { conversationOf, type Inboxes, type Reception } from './receptions.js';

/** Answers in the order of their texts; and texts stored in the order in which they were sent. */
export const ordersOf = (cases: readonly Case[], { conversations }: Inboxes): { findings: Finding[]; reordered: number } => {
  const findings: Finding[] = [];
  const byMarker = new Map(cases.flatMap((one) => one.text.markers.map((marker, index) => [marker, { one, index }] as const)));
  for (const receptions of conversations.values()) findings.push(...answersOutOfOrder(receptions, byMarker));

  let reordered = 0;
  for (const conversation of Map.groupBy(cases, ({ text }) => conversationOf(text.phone, text.number)).values()) {
    const inOrder = conversation
      .filter(({ webhook, stored }) => webhook && stored?.seq != null)
      .sort((a, b) => a.webhook!.sentSeq - b.webhook!.sentSeq);
    let newest: Case | null = null;
    for (const one of inOrder) {
      if (newest && one.stored!.seq! < newest.stored!.seq!) {
        const isTogether = one.webhook!.sentAt <= newest.stored!.received_at;
        if (newest.webhook!.attempts > 1 || isTogether) reordered += 1;
        else
          findings.push({
            kind: 'misordered',
            sid: one.text.sid,
            why: `stored before ${newest.text.sid}, which was received before this one was sent, and posted once`,
            other: newest.text.sid,
          });
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
      if (apart < 0)
        findings.push({
          kind: 'misordered',
          sid: current.one.text.sid,
          why: `its answer ${message.sid} came after the answer to ${newest!.one.text.sid}, a later text`,
          other: newest!.one.text.sid,
        });
      else newest = current;
    }
  }
  return findings;
};
