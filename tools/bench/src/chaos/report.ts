import type { Audit } from './audit.js';
import type { Finding, FindingKind } from './case.js';
import type { Breach, Happened } from './evidence.js';

/** The one line of JSON at the end. */
export interface ChaosResult {
  ok: boolean;
  seconds: number;
  rate: number;
  seed: number;
  sent: number;
  accepted: number;
  never_accepted: number;
  answered_twiml: number;
  answered_rest: number;
  covered: number;
  apologised: number;
  lost: number;
  doubled: number;
  misordered: number;
  late: number;
  /** REST answers 30 to 60 s after their text: the gateway died between hand-out and record. */
  late_gateway_died: number;
  /** REST answers 30 to 60 s after their text, within 30 s without what the carrier’s failures cost (17 s each). */
  late_carrier: number;
  strays: number;
  repeats: number;
  reordered_on_the_way: number;
  longest_ms: { webhook: number; twiml: number; rest: number; apology: number };
  p95_ms: { webhook: number; twiml: number; rest: number };
  /** Turns that a killed adapter ran: how long until the answer. `disturbed`: slow ones with another trouble on their way. */
  recovery: { kills: number; turns: number; longest_ms: number; longest_undisturbed_ms: number; slow: number; slow_disturbed: number };
  quiet_after_ms: number | null;
  asked_more_than_once: number;
  /** How busy the machine was: a request to the twin and one to the gateway that need nothing else. */
  kills: Record<string, number>;
  longest_restart_ms: Record<string, number>;
  flushes: number;
  breaches: Record<string, number>;
  alerts: Record<string, number>;
}

/** These fail a run; the others are shown. */
const FATAL: readonly FindingKind[] = ['lost', 'doubled', 'misordered', 'late', 'stray', 'slow_recovery'];

export const isFatal = ({ kind }: Finding): boolean => FATAL.includes(kind);

export const resultOf = (
  run: { seconds: number; rate: number; seed: number },
  { counts, waitsMs, findings, recoveries }: Audit,
  happened: readonly Happened[],
  breaches: readonly Breach[],
  more: Pick<ChaosResult, 'quiet_after_ms' | 'asked_more_than_once' | 'alerts'>,
): ChaosResult => {
  const count = (kind: FindingKind): number => findings.filter((finding) => finding.kind === kind).length;
  const kills = happened.filter(({ kind }) => kind === 'kill');
  const byName = Map.groupBy(kills, ({ name }) => name);
  const undisturbed = recoveries.filter(({ others }) => others.length === 0);
  return {
    ok: !findings.some(isFatal) && breaches.length === 0 && more.quiet_after_ms !== null,
    ...run,
    ...counts,
    never_accepted: count('never_accepted'),
    lost: count('lost'),
    doubled: count('doubled'),
    misordered: count('misordered'),
    late: count('late'),
    late_gateway_died: count('late_gateway_died'),
    late_carrier: count('late_carrier'),
    strays: count('stray'),
    longest_ms: {
      webhook: longest(waitsMs.webhook),
      twiml: longest(waitsMs.twiml),
      rest: longest(waitsMs.rest),
      apology: longest(waitsMs.apology),
    },
    p95_ms: { webhook: p95(waitsMs.webhook), twiml: p95(waitsMs.twiml), rest: p95(waitsMs.rest) },
    recovery: {
      kills: new Set(recoveries.map(({ killedAt }) => killedAt)).size,
      turns: recoveries.length,
      longest_ms: longest(recoveries.map(({ ms }) => ms ?? Infinity)),
      longest_undisturbed_ms: longest(undisturbed.map(({ ms }) => ms ?? Infinity)),
      slow: undisturbed.filter(({ isSlow }) => isSlow).length,
      slow_disturbed: recoveries.filter(({ isSlow, others }) => isSlow && others.length > 0).length,
    },
    ...more,
    kills: Object.fromEntries([...byName].map(([name, list]) => [name, list.length])),
    longest_restart_ms: Object.fromEntries(
      [...byName].map(([name, list]) => [name, longest(list.map(({ at, until }) => (until ?? Infinity) - at))]),
    ),
    flushes: happened.filter(({ kind }) => kind === 'flush').length,
    breaches: Object.fromEntries(breaches.map(({ invariant, count: found }) => [invariant, found])),
  };
};

/** For people; the JSON line follows it. */
export const summaryOf = (result: ChaosResult, findings: readonly Finding[], breaches: readonly Breach[]): string => {
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
  const { recovery } = result;
  const shown = findings.slice(0, 30).map(({ kind, sid, why }) => `  ${kind}  ${sid ?? ''}  ${why}`);
  return [
    `${result.sent} texts sent, ${result.accepted} accepted, ${result.never_accepted} never accepted`,
    `answered ${result.answered_twiml} by TwiML, ${result.answered_rest} by REST (${result.covered} in the answer to a later text); ${result.apologised} got an apology`,
    `lost ${result.lost}, doubled ${result.doubled}, misordered ${result.misordered}, late ${result.late} (and ${result.late_gateway_died} whose gateway died, ${result.late_carrier} by the carrier’s fault), strays ${result.strays}`,
    `longest waits: webhook ${seconds(result.longest_ms.webhook)}, TwiML ${seconds(result.longest_ms.twiml)}, REST ${seconds(result.longest_ms.rest)}, apology ${seconds(result.longest_ms.apology)}`,
    `recovery: ${recovery.kills} adapter kills hit ${recovery.turns} texts under way; longest ${seconds(recovery.longest_ms)}, undisturbed ${seconds(recovery.longest_undisturbed_ms)}; ${recovery.slow} over 8 s (and ${recovery.slow_disturbed} with another trouble on the way)`,
    `killed: ${Object.entries(result.kills)
      .map(([name, count]) => `${name} ${count}× (back in ${seconds(result.longest_restart_ms[name]!)} at most)`)
      .join(', ')}; Redis flushed ${result.flushes}×`,
    ...(findings.length > 0
      ? ['findings:', ...shown, ...(findings.length > shown.length ? [`  … and ${findings.length - shown.length} more`] : [])]
      : []),
    ...breaches.map(({ invariant, count, samples }) => `broken: ${invariant} (${count}: ${samples.join(', ')})`),
  ].join('\n');
};

const longest = (values: readonly number[]): number => Math.round(Math.max(0, ...values));

const p95 = (values: readonly number[]): number => Math.round(values.toSorted((a, b) => a - b)[Math.ceil(values.length * 0.95) - 1] ?? 0);
