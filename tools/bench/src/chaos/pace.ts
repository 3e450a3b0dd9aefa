import { setTimeout as sleep } from 'node:timers/promises';

/** How long a request to the twin and one to the gateway took that need nothing but their processes. */
export interface Pace {
  at: number;
  ms: number;
}

const EVERY_MS = 200;

/**
 * Asks twin and gateway again and again whether they live, each time over new connections: as long as that takes, two
 * webhooks can overtake each other before the gateway's code sees them. No database and no Redis is in it.
 */
export const watchPace = async (urls: readonly string[], signal: AbortSignal): Promise<Pace[]> => {
  const paces: Pace[] = [];
  for (; !signal.aborted; await sleep(EVERY_MS, undefined, { signal }).catch(() => undefined)) {
    const at = Date.now();
    const isAnswered: boolean[] = [];
    for (const url of urls) isAnswered.push(await answers(url));
    // A gateway that is down tells nothing: its texts are posted again, which is seen.
    if (isAnswered.every(Boolean)) paces.push({ at, ms: Date.now() - at });
  }
  return paces;
};

const answers = (url: string): Promise<boolean> =>
  fetch(url, { headers: { connection: 'close' }, signal: AbortSignal.timeout(5_000) }).then(
    (response) => response.text().then(() => response.ok),
    () => false,
  );

/** The slowest of those that were under way between two moments. */
export const slowestBetween = (paces: readonly Pace[], from: number, until: number): number =>
  Math.max(0, ...paces.filter(({ at, ms }) => at <= until && at + ms >= from).map(({ ms }) => ms));
