import { randomBytes } from 'node:crypto';
import type { Pool } from 'pg';
import type { Policy } from './script.js';

const POLICIES: readonly Policy[] = ['coalesce', 'merge', 'enqueue'];

/** The account that runs are played in: for each policy two agents of one pool and two numbers that are bound to the first. */
export interface Scene {
  account: string;
  agents: Record<Policy, string[]>;
  numbers: Record<Policy, string[]>;
}

export const setScene = async (pool: Pool): Promise<Scene> => {
  const cell = async (text: string, values: unknown[]): Promise<string> =>
    (await pool.query<{ value: string }>(text, values)).rows[0]!.value;
  const account = await cell('insert into security.accounts (name) values ($1) returning id as value', ['races']);
  const prefix = 1_000_000_000 + randomBytes(4).readUInt32BE() / 5;
  const scene: Scene = { account, agents: { coalesce: [], merge: [], enqueue: [] }, numbers: { coalesce: [], merge: [], enqueue: [] } };
  for (const [i, policy] of POLICIES.entries()) {
    for (const name of ['first', 'second']) {
      const agent = await cell(
        `insert into registry.agent_registry (account_id, agent_name, endpoint_url, dialect, status, pool, double_text, max_concurrent_sessions)
         values ($1, $2, 'https://agent.test', 'chat', 'active', $3, $3, 1000000) returning id as value`,
        [account, name, policy],
      );
      scene.agents[policy].push(agent);
    }
    for (const n of [0, 1]) {
      const number = `+${Math.floor(prefix) * 10 + i * 2 + n}`;
      const bound = await cell('select messaging.bind_number($1, $2, $3, now()) as value', [account, number, scene.agents[policy][0]]);
      if (bound !== 'ok') throw new Error(`${number} is in use in this database`);
      scene.numbers[policy].push(number);
    }
  }
  return scene;
};
