// A service's replica for tests that kill it. Uses the built library, as a deployed one does.
// argv: service, redisUrl, 'hang' (take an event, say so, never finish) or 'work' (say when it is done).
import { RedisStreamsServer } from '../dist/index.js';

const [service, redisUrl, mode] = process.argv.slice(2);
const server = new RedisStreamsServer({ service, redisUrl, minIdleMs: 600 });
server.addHandler(
  'order.placed',
  async ({ number }, context) => {
    process.send({ said: 'started', number, deliveries: context.deliveries });
    if (mode === 'hang') await new Promise(() => undefined);
    process.send({ said: 'done', number });
  },
  true,
);
process.on('SIGTERM', async () => {
  await server.close();
  process.exit(0);
});
server.listen(() => process.send({ said: 'listening' }));
