import { thinkingMs } from './cast.js';
import type { Evidence, Happened, StoredAnswer, StoredText } from './evidence.js';

/** How long a text whose turn ran in a killed adapter then waited for its answer. */
export interface Recovery {
  killedAt: number;
  textId: string;
  sid: string | null;
  /** Null: no answer came. */
  ms: number | null;
  isSlow: boolean;
  /** Other troubles on the way of this answer in that time, which may have held it up. */
  others: string[];
}

/** From the adapter's death to the answer, the agent's own time not counted: it has to be asked again. */
const LIMIT_MS = 8_000;
/** After an agent's trouble its breaker may be open, and a failed attempt pauses for up to 6 s. */
const AGENT_SHADOW_MS = 7_000;
/** After a restart the first requests wait for connections. */
const RESTART_SHADOW_MS = 1_000;
const ON_THE_WAY = ['sms-gateway', 'mcp-adapter', 'postgres', 'redis'];

/** One for each text under way at each kill of an adapter that hit one. */
export const recoveriesOf = (evidence: Evidence, answeredAt: (textId: string) => number | null): Recovery[] => {
  const agents = new Map(evidence.sent.map(({ sid, agent }) => [sid, agent]));
  const textOf = new Map(evidence.texts.map((text) => [text.id, text]));
  return evidence.happened.flatMap((kill) =>
    (kill.runningTexts ?? []).flatMap((textId): Recovery[] => {
      const at = answeredAt(textId);
      // It was answered before the kill: complete, but the lease was not seen to be gone yet.
      if (at !== null && at < kill.at) return [];
      const ms = at === null ? null : at - kill.at;
      const text = textOf.get(textId);
      const agent = agents.get(text?.message_sid ?? '');
      const isSlow = ms === null || ms - thinkingMs(agent) > LIMIT_MS;
      const others = evidence.happened
        .filter((other) => other !== kill && mayDelay(other, agent) && other.at <= (at ?? Infinity) && shadowEnd(other) >= kill.at)
        .map(({ name, what }) => `${name} ${what}`);
      if (text && isBehindDoubt(text, kill.at, evidence)) others.push('an earlier answer of the session was in doubt at the carrier');
      return [{ killedAt: kill.at, textId, sid: text?.message_sid ?? null, ms, isSlow, others }];
    }),
  );
};

/** An earlier answer was handed out before the kill and settled more than a second after it: later answers wait for that. */
const isBehindDoubt = ({ session_id, turn_id }: StoredText, killedAt: number, { answers }: Evidence): boolean =>
  answers.some(
    (answer) =>
      answer.session_id === session_id &&
      answer.turn_id !== turn_id &&
      (answer.handed_at[0] ?? Infinity) < killedAt &&
      settledAt(answer) > killedAt + 1_000,
  );

/** When the carrier's first word about its last hand-out was stored. */
const settledAt = ({ path }: StoredAnswer): number => {
  const last = path.findLastIndex(({ hop }) => hop === 'handed_out');
  const receipt = path.slice(last + 1).find(({ by }) => by === 'carrier');
  return receipt ? Date.parse(receipt.at) : Infinity;
};

const mayDelay = ({ kind, name, what }: Happened, agent: string | undefined): boolean => {
  switch (kind) {
    case 'kill':
      return ON_THE_WAY.includes(name) || (agent === 'team' && name === 'engagement-agent');
    case 'agent':
      return name === 'agents' || name === agent;
    case 'carrier':
      // Callbacks and webhooks hold up no answer.
      return what.startsWith('REST');
    case 'flush':
      // Nothing of a turn is in Redis: a flush excuses nothing.
      return false;
    default:
      return kind satisfies never;
  }
};

const shadowEnd = ({ kind, until }: Happened): number =>
  (until ?? Infinity) + (kind === 'agent' ? AGENT_SHADOW_MS : kind === 'kill' ? RESTART_SHADOW_MS : 0);
