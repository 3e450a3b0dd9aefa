import { thinkingMs } from './cast.js';
import type { Evidence, Happened } from './evidence.js';

/** How long a text whose turn ran in a killed adapter then waited for its answer. */
export interface Recovery {
  killedAt: number;
  textId: string;
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
export const recoveriesOf = ({ happened, texts, sent }: Evidence, answeredAt: (textId: string) => number | null): Recovery[] => {
  const agents = new Map(sent.map(({ sid, agent }) => [sid, agent]));
  const agentOf = new Map(texts.map(({ id, message_sid }) => [id, agents.get(message_sid)]));
  return happened.flatMap((kill) =>
    (kill.runningTexts ?? []).flatMap((textId): Recovery[] => {
      const at = answeredAt(textId);
      // It was answered before the kill: complete, but the lease was not seen to be gone yet.
      if (at !== null && at < kill.at) return [];
      const ms = at === null ? null : at - kill.at;
      const until = at ?? Infinity;
      const others = happened.filter(
        (other) => other !== kill && mayDelay(other, agentOf.get(textId)) && other.at <= until && shadowEnd(other) >= kill.at,
      );
      return [
        {
          killedAt: kill.at,
          textId,
          ms,
          isSlow: ms === null || ms - thinkingMs(agentOf.get(textId)) > LIMIT_MS,
          others: others.map(({ name, what }) => `${name} ${what}`),
        },
      ];
    }),
  );
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
