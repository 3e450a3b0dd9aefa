import type { Random } from './random.js';
import type { Policy } from './script.js';
import type { World } from './world.js';

const PAUSE_MS = 4_000;
const LONGEST_MS = 3_000;

/** Takes agents away for moments, one or both of a pool, until the world is over. */
export const loseAgents = (world: World, random: Random): Promise<void> => {
  const { clock, database, scene } = world;
  const set = (status: string, agents: string[]): Promise<unknown> =>
    database.rows('update registry.agent_registry set status = $1 where id = any ($2)', [status, agents]);
  return world.repeat(PAUSE_MS, random, async () => {
    if (world.isCalm) return;
    const pool = scene.agents[random.pick<Policy>(['coalesce', 'merge', 'enqueue'])];
    const away = random.chance(0.3) ? pool : [random.pick(pool)];
    await set('offline', away);
    await clock.sleep(random.below(LONGEST_MS));
    await set('active', away);
  });
};
