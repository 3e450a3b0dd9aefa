import type { Case, Finding, FindingKind } from './case.js';
import type { Evidence, StoredText } from './evidence.js';
import type { TwinEvent } from './twin.client.js';

const REST_LIMIT_MS = 30_000;
const REST_LIMIT_AFTER_DEATH_MS = 60_000;
const CARRIER_WEBHOOK_LIMIT_MS = 15_000;
/** What one send costs that the carrier answers with 5xx or not at all: 15 s of not knowing, then a look-up every 2 s. */
const CARRIER_FAULT_MS = 17_000;
/** A REST call of the gateway ends within this time. */
const HAND_OUT_MS = 10_000;

/** A webhook that was not answered in time, or an answer by REST that came too late. */
export const latenessOf = (one: Case, evidence: Evidence): Finding[] => {
  const { text, stored, webhook, received, isApologised } = one;
  const finding = (kind: FindingKind, why: string): Finding => ({ kind, sid: text.sid, why });
  if (!stored || !webhook) return [];
  if (webhook.isTimedOut || (webhook.waitedMs ?? 0) > CARRIER_WEBHOOK_LIMIT_MS)
    return [finding('late', 'its webhook was not answered within 15 s')];
  // An apology is due when the turn's own deadline is over (30 s): it is counted, and its wait is shown.
  if (isApologised) return [];
  const at = Math.max(
    0,
    ...received
      .flatMap((messages) => messages.slice(0, 1))
      .filter(({ via }) => via === 'rest')
      .map((message) => message.at),
  );
  const waitMs = Math.round(at - stored.at);
  if (waitMs <= REST_LIMIT_MS) return [];
  if (waitMs <= REST_LIMIT_AFTER_DEATH_MS) {
    if (didGatewayDie(stored, at, evidence)) return [finding('late_gateway_died', `${waitMs} ms`)];
    const faults = carrierFaults(text.phone, stored.at, at, evidence);
    if (waitMs - faults * CARRIER_FAULT_MS <= REST_LIMIT_MS)
      return [finding('late_carrier', `${waitMs} ms; the carrier failed ${faults} sends to this phone meanwhile`)];
  }
  return [finding('late', `${waitMs} ms after its receipt, by REST`)];
};

/** A gateway was killed while a message of this conversation was handed out and not yet recorded. */
const didGatewayDie = ({ at: storedAt, session_id }: StoredText, until: number, { answers, happened }: Evidence): boolean => {
  const handedAt = answers
    .filter((answer) => answer.session_id === session_id)
    .flatMap(({ handed_at }) => handed_at)
    .filter((at) => at >= storedAt && at < until);
  return happened.some(
    ({ kind, name, at }) =>
      kind === 'kill' && name === 'sms-gateway' && handedAt.some((handed) => handed <= at && at <= handed + HAND_OUT_MS),
  );
};

/** Sends to the phone that the carrier answered with 5xx, or took without saying so. A 429 says that it was not taken. */
const carrierFaults = (phone: string, from: number, until: number, { log }: Evidence): number => {
  const meanwhile = log.filter(({ at }) => at >= from && at <= until);
  const created = new Set(meanwhile.filter(({ type, to }) => type === 'message.created' && to === phone).map(({ sid }) => sid));
  const isFailed = ({ type, to, method, http_status: status = 0 }: TwinEvent): boolean =>
    type === 'rest.refused' && method === 'POST' && to === phone && status >= 500;
  return meanwhile.filter((event) => isFailed(event) || (event.type === 'rest.dropped' && created.has(event.sid))).length;
};
