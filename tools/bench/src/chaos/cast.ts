import type { Stack } from './stack.js';

/** A number that phones text, and who answers there. */
export interface Line {
  number: string;
  agent: string;
  /** How often it is texted, compared with the others. */
  weight: number;
}

interface Actor {
  agent: string;
  dialect: 'chat' | 'mcp';
  double_text: 'coalesce' | 'merge' | 'enqueue';
  delayMs: number;
  weight: number;
}

/** Agents of the twin. Each says `echo: <message>`, so what a phone receives names the texts that it answers. */
const ACTORS: readonly Actor[] = [
  { agent: 'coalesce', dialect: 'chat', double_text: 'coalesce', delayMs: 150, weight: 17 },
  { agent: 'merge', dialect: 'chat', double_text: 'merge', delayMs: 250, weight: 7 },
  { agent: 'enqueue', dialect: 'chat', double_text: 'enqueue', delayMs: 120, weight: 6 },
  { agent: 'mcp', dialect: 'mcp', double_text: 'coalesce', delayMs: 150, weight: 8 },
  { agent: 'mcp-merge', dialect: 'mcp', double_text: 'merge', delayMs: 250, weight: 3 },
  // Longer than the reply budget (2.5 s): its answers leave by REST.
  { agent: 'slow', dialect: 'chat', double_text: 'coalesce', delayMs: 2_800, weight: 5 },
];
const NUMBERS_EACH = 2;

export const AGENTS = ACTORS.map(({ agent }) => agent);

/** How long an agent thinks when nothing is wrong with it. */
export const thinkingMs = (agent: string | undefined): number => ACTORS.find((actor) => actor.agent === agent)?.delayMs ?? 0;

/** Registers the agents at the run's registry and binds numbers to each. Throws when one of them is not taken. */
export const hireCast = async (stack: Stack): Promise<Line[]> => {
  const { twinUrl, urls } = stack.record;
  const post = async <T>(app: string, path: string, body: object): Promise<T> => {
    const response = await fetch(urls[app] + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${stack.adminKey}` },
      body: JSON.stringify(body),
    });
    if (response.status !== 201) throw new Error(`${app} answered HTTP ${response.status} to POST ${path}: ${await response.text()}`);
    return (await response.json()) as T;
  };
  const lines: Line[] = [];
  for (const { agent, dialect, double_text, delayMs, weight } of ACTORS) {
    const endpoint_url = `${twinUrl}/agents/${dialect}?name=${agent}&delay_ms=${delayMs}${double_text === 'merge' ? '&idempotent=1' : ''}`;
    const registration = {
      agent_name: agent,
      endpoint_url,
      api_key: `key-of-${agent}`,
      max_concurrent_sessions: 100_000,
      dialect,
      double_text,
    };
    const { agent_id, status } = await post<{ agent_id: string; status: string }>(
      'agent-registry',
      '/api/v1/agents/register',
      registration,
    );
    if (status !== 'active') throw new Error(`The agent ${agent} is ${status} after its registration.`);
    for (let i = 0; i < NUMBERS_EACH; i += 1) {
      const number = `+1555000${2_000 + lines.length}`;
      await post('sms-gateway', '/api/v1/numbers', { phone_number: number, agent_id });
      lines.push({ number, agent, weight });
    }
  }
  return lines;
};
