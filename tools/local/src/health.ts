import { get } from 'node:http';

/** `isLive`: the process answers for itself. `isReady`: it can do its work. `isDegraded`: it does, with something amiss. */
export interface Health {
  isLive: boolean;
  isReady: boolean;
  isDegraded: boolean;
}

export const HEALTH_TIMEOUT_MS = 5_000;

/** Where a program answers for itself, and where for its work. */
export interface HealthRoutes {
  live: string;
  ready: string;
}

const APP_ROUTES: HealthRoutes = { live: '/health/live', ready: '/health/ready' };

/** What the health routes of a program on 127.0.0.1 say. */
export const httpHealth = async (port: number, routes = APP_ROUTES): Promise<Health> => {
  const [live, ready] = await Promise.all([ask(port, routes.live), ask(port, routes.ready)]);
  return { isLive: live?.status === 200, isReady: ready?.status === 200, isDegraded: ready?.status !== 200 || isDegraded(ready.body) };
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
