import { callBack, recordReceipt, recordRefusal } from './callbacks.js';
import { Died, think } from './database.js';
import type { Random } from './random.js';
import type { Run } from './run.js';
import type { World } from './world.js';

const LOOK_MS = 250;
/** After a 5xx the call is over, and the reconciler need not wait until it certainly is. */
const LOOK_UP_AFTER_MS = 3_000;
/** A REST call of ours is given up after 10 s; the reconciler asks about what is older than 15 s. */
const LONGEST_SEND_MS = 10_000;

interface Send {
  message_id: string;
  to: string;
  handed_at: string;
}

/** What becomes of a REST call. `unknown` calls may or may not have reached the carrier. */
const FATES = [
  ...Array<'taken'>(22).fill('taken'),
  'died before',
  'died before',
  'died before',
  'unknown, taken',
  'unknown, taken',
  'unknown, not taken',
  'not taken',
  'not taken',
  'refused',
] as const;

/** Hands out what is due by REST, until the world is over. Several run at the same time. */
export const sendDue = (world: World, random: Random): Promise<void> => {
  const { clock, database } = world;
  return world.repeat(LOOK_MS, random, async () => {
    const letGo = clock.hold(LONGEST_SEND_MS);
    const isWatched = [...world.due].filter((run) => run.reach('sending')).length > 0;
    world.due.clear();
    try {
      const { sends } = await database.value<{ sends: Send[] }>('messaging.claim_due', [random.pick([1, 5, 25]), clock.now()], isWatched);
      const isAlive = !world.fault(random, 0.02);
      await Promise.all(sends.map((send) => follow(world, send, isAlive)));
    } finally {
      letGo();
    }
  });
};

const follow = async (world: World, send: Send, isAlive: boolean): Promise<void> => {
  const run = world.runOf(send.to);
  if (!run) throw new Error(`handed out to a phone that nobody plays: ${JSON.stringify(send)}`);
  world.trace(run, `handed out by REST: ${send.message_id}${isAlive ? '' : ', and the sender dies'}`);
  if (!isAlive) return;
  try {
    await sendOne(world, run, send);
  } catch (error) {
    if (!(error instanceof Died)) throw error;
    world.trace(run, `the sender dies with ${send.message_id}`);
  }
};

const sendOne = async (world: World, run: Run, { message_id: id, handed_at: handedAt }: Send): Promise<void> => {
  const dice = run.dice('send');
  const fate = world.isCalm ? 'taken' : dice.pick(FATES);
  await think(dice);
  if (world.fault(dice, 0.2)) await world.clock.sleep(dice.below(6_000));
  world.trace(run, `REST ${id}: ${fate}`);
  if (fate === 'taken' || fate === 'unknown, taken') {
    const delivery = world.carrier.takeRest(id);
    callBack(world, run, delivery);
    await think(dice);
    if (fate === 'taken') await recordReceipt(world, run, delivery, 'queued', null);
  }
  if (fate.startsWith('unknown') && dice.chance(0.5)) {
    await world.database.call('messaging.look_up_at', [id, world.clock.after(LOOK_UP_AFTER_MS)]);
  } else if (fate === 'not taken') {
    await world.database.call('messaging.requeue', [id, world.clock.after(500 + dice.below(2_500)), handedAt]);
  } else if (fate === 'refused') {
    await recordRefusal(world, run, id, dice.chance(0.25) ? '21610' : '30006');
  }
};
