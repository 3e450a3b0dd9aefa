import { readOptions, USAGE, UsageError } from './chaos/options.js';
import { runChaos } from './chaos/run-chaos.js';

const stop = new AbortController();

/** `npm run chaos`. The last line is one line of JSON. */
const main = async (): Promise<number> => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort(new Error(`ended by ${signal}`)));
  const options = readOptions(process.argv.slice(2), (line) => console.log(line));
  if (options === null) {
    console.log(USAGE);
    return 0;
  }
  const result = await runChaos({ ...options, signal: stop.signal });
  console.log(JSON.stringify(result));
  return result.ok ? 0 : 1;
};

const code = await main().catch((error: Error) => {
  if (stop.signal.aborted) {
    console.error((stop.signal.reason as Error).message);
    return 130;
  }
  console.error(error instanceof UsageError ? `${error.message}\n\n${USAGE}` : error);
  return error instanceof UsageError ? 2 : 1;
});
process.exit(code);
