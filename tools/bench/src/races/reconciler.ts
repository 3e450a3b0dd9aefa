import { recordReceipt } from './callbacks.js';
import { think } from './database.js';
import type { Random } from './random.js';
import type { World } from './world.js';

const LOOK_MS = 2_000;
const AGE = '15 seconds';

interface Unsettled {
  message_id: string;
  to: string;
  handed_at: string;
}

/** Asks the carrier about what has no receipt, until the world is over. Look-ups may take so long that another looks too. */
export const reconcile = (world: World, random: Random): Promise<void> => {
  const { clock, database } = world;
  return world.repeat(LOOK_MS, random, async () => {
    for (const unsettled of await database.value<Unsettled[]>('messaging.claim_unsettled', [20, AGE, clock.now()])) {
      world.begin(settle(world, unsettled));
    }
  });
};

const settle = async (world: World, { message_id: id, to, handed_at: handedAt }: Unsettled): Promise<void> => {
  const run = world.runOf(to);
  if (!run) throw new Error(`${id} is unsettled and its phone has left`);
  const dice = run.dice('look-up');
  await think(dice);
  const found = world.carrier.find(id);
  world.trace(run, `look-up of ${id}: ${found ? found.sid : 'the carrier does not have it'}`);
  if (world.fault(dice, 0.4)) await world.clock.sleep(dice.below(10_000));
  await think(dice);
  if (found) await recordReceipt(world, run, found, 'sent', null);
  else await world.database.call('messaging.requeue', [id, world.clock.now(), handedAt]);
};
