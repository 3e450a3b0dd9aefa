import { readEnv } from './env.js';
import { createTwin } from './twin.js';

const twin = await createTwin(readEnv(process.env)).catch((error: Error) => {
  console.error(error.message);
  process.exit(1);
});
console.log(`The twin of the outside world listens at ${twin.url}`);

const stop = (): void => void twin.close().finally(() => process.exit(0));
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
