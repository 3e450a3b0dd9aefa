import { readEnv } from './env.js';
import { createTwin } from './twin.js';

const start = async () => createTwin(readEnv(process.env));

const twin = await start().catch((error: Error) => {
  console.error(error.message);
  process.exit(1);
});
console.log(`The twin of the outside world listens at ${twin.url}`);

const stop = (): void => void twin.close().finally(() => process.exit(0));
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
