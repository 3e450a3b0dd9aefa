import { think } from './database.js';
import type { Gateway, Inbound } from './gateway.js';
import type { Run } from './run.js';
import type { Step } from './script.js';
import type { World } from './world.js';

const MOST_DELIVERIES = 3;

/** Lets the steps of a run happen, each at its time and all of them independently. Resolves when the carrier is done with them. */
export const play = async (world: World, gateway: Gateway, run: Run, steps: readonly Step[]): Promise<void> => {
  const texts = new Map<string, Inbound>();
  for (const step of steps) if (step.kind === 'text') texts.set(step.sid, step);
  await Promise.all(
    steps.map(async (step) => {
      const nap = world.clock.nap(step.at);
      run.watch(step, nap.wake);
      await nap.over;
      switch (step.kind) {
        case 'text':
        case 'again':
          return deliver(world, gateway, run, texts.get(step.sid)!);
        case 'move':
          return move(world, run, step);
        case 'proactive':
          return propose(world, run, step);
        default:
          step satisfies never;
      }
    }),
  );
};

/** A carrier that gets no answer mostly tries again. */
const deliver = async (world: World, gateway: Gateway, run: Run, text: Inbound): Promise<void> => {
  const dice = run.dice(`delivery ${text.sid}`);
  for (let delivery = 1; delivery <= MOST_DELIVERIES; delivery += 1) {
    if (await gateway.webhook(run, text)) return;
    if (!dice.chance(0.6)) return;
    // At once after a broken connection, late after a timeout.
    await world.clock.sleep(dice.chance(0.5) ? dice.below(2_000) : 11_000 + dice.below(8_000));
  }
};

const move = async (world: World, run: Run, step: Step & { kind: 'move' }): Promise<void> => {
  await think(run.dice('move'));
  const session = run.sessions.get(step.number);
  if (!session) return;
  const start = world.tick();
  world.begin(
    world.database
      .call('routing.move_sessions', [[session], world.scene.agents[run.script.policy][step.to], world.clock.now()])
      .then((rings) => {
        run.takeovers.push({ session, token: null, span: { start, end: world.tick() } });
        world.trace(run, `moved to agent ${step.to}: ${JSON.stringify(rings)}`);
      }),
  );
};

const propose = async (world: World, run: Run, step: Step & { kind: 'proactive' }): Promise<void> => {
  const { account, numbers } = world.scene;
  const message = {
    from: numbers[run.script.policy][step.number],
    to: run.phone,
    channel: 'sms',
    purpose: 'marketing',
    media: null,
    parts: Array.from({ length: step.parts }, (_, part) => ({ body: `offer ${part}`, segments: 1, encoding: 'GSM-7' })),
  };
  world.begin(
    world.database.value('messaging.create_outbound', [account, JSON.stringify(message), world.clock.now()]).then((created) => {
      world.trace(run, `proactive: ${JSON.stringify(created)}`);
      world.due.add(run);
    }),
  );
};
