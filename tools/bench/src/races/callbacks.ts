import type { Delivery } from './carrier.js';
import type { Run } from './run.js';
import type { World } from './world.js';

/** Tells the carrier's news of a message as carriers do: late, twice, in any order, or never. */
export const callBack = (world: World, run: Run, delivery: Delivery): void => {
  const dice = run.dice(`callbacks ${delivery.inboundSid ?? 'rest'}`);
  if (dice.chance(0.12)) return;
  const last = dice.chance(0.85) ? 'delivered' : 'undelivered';
  const statuses = ['queued', 'sent', last].filter(() => dice.chance(0.7));
  if (dice.chance(0.2)) statuses.push(dice.pick(['sent', last]));
  const errorCode = last === 'undelivered' ? (dice.chance(0.06) ? '21610' : '30003') : null;
  for (const status of dice.shuffled(statuses)) {
    const delay = dice.chance(0.7) ? dice.below(2_000) : dice.below(22_000);
    world.begin(
      world.clock.sleep(delay).then(() => recordReceipt(world, run, delivery, status, status === 'undelivered' ? errorCode : null)),
    );
  }
};

/** What a callback, a REST answer and a look-up store. Throws `Died`. */
export const recordReceipt = async (
  world: World,
  run: Run,
  delivery: Delivery,
  status: string,
  errorCode: string | null,
): Promise<void> => {
  await optingOut(world, run, errorCode, async () => {
    const receipt = await world.database.value<{ frees?: boolean }>('messaging.record_receipt', [
      delivery.messageId,
      delivery.sid,
      status,
      errorCode,
      world.clock.now(),
    ]);
    world.trace(run, `receipt of ${delivery.messageId}: ${status} ${errorCode ?? ''} ${JSON.stringify(receipt)}`);
  });
};

export const recordRefusal = async (world: World, run: Run, messageId: string, errorCode: string): Promise<void> => {
  world.carrier.refuse(messageId);
  await optingOut(world, run, errorCode, async () => {
    await world.database.call('messaging.record_refusal', [messageId, errorCode, world.clock.now()]);
    world.trace(run, `refusal of ${messageId}: ${errorCode}`);
  });
};

const optingOut = async (world: World, run: Run, errorCode: string | null, record: () => Promise<void>): Promise<void> => {
  const start = world.tick();
  await record();
  if (errorCode === '21610') run.outs.push({ start, end: world.tick() });
};
