// Compiled code: jest does not transform this file, and `npm test` builds first. The migrations are imported by path,
// since libs/database's own specs depend on this library and a declared dependency would close a circle.
import { migrate } from '../database/dist/index.js';
import { startTestServers } from './dist/test-servers.js';

/** Both projects that need servers name this file; jest runs it once for them. */
export default async () => {
  if (globalThis.stopTestServers) return;
  const stop = await startTestServers(migrate);
  globalThis.stopTestServers = stop;
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => void stop().finally(() => process.kill(process.pid, signal)));
  }
};
