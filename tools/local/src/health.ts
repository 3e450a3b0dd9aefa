import { get } from 'node:http';

/** `isLive`: the process answers. `isReady`: it can do its work. `isDegraded`: it does, with something amiss. */
export interface Health {
  isLive: boolean;
  isReady: boolean;
  isDegraded: boolean;
}

export const HEALTH_TIMEOUT_MS = 5_000;

/**
 * What the health route of a program on 127.0.0.1 says. One that answers at all, in whatever way, is live: the route is
 * quick even when a part that it asks after is away.
 */
export const httpHealth = async (port: number, path = '/health/ready'): Promise<Health> => {
  const ready = await ask(port, path);
  return { isLive: ready !== null, isReady: ready?.status === 200, isDegraded: ready?.status !== 200 || isDegraded(ready.body) };
};

export const answers = async (port: number, path: string): Promise<boolean> => (await ask(port, path))?.status === 200;

const isDegraded = (body: string): boolean => {
  try {
    return (JSON.parse(body) as { status?: unknown } | null)?.status === 'degraded';
  } catch {
    return false;
  }
};

const ask = (port: number, path: string): Promise<{ status: number; body: string } | null> =>
  new Promise((resolve) => {
    const request = get({ host: '127.0.0.1', port, path, agent: false, signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS) }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', () => resolve(null));
    });
    request.on('error', () => resolve(null));
  });
