import { Counter, Gauge, Histogram, register } from 'prom-client';

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const backlogs = new Map<string, () => Promise<number>>();

/** The registry is one per process, this library may be started in it several times. */
const once = <T>(name: string, create: (name: string) => T): T => (register.getSingleMetric(name) as T | undefined) ?? create(name);

/** The metrics of this library, registered in prom-client's default registry at the first call. */
export const transportMetrics = () => ({
  handleSeconds: once(
    'darkspere_transport_handle_seconds',
    (name) =>
      new Histogram({
        name,
        help: 'How long a request or event was handled, by pattern and outcome (ok, error, expired)',
        labelNames: ['pattern', 'outcome'] as const,
        buckets: SECONDS,
      }),
  ),
  rpcSeconds: once(
    'darkspere_transport_rpc_seconds',
    (name) =>
      new Histogram({
        name,
        help: 'How long a caller waited for its answer, by pattern and outcome (ok or an error code)',
        labelNames: ['pattern', 'outcome'] as const,
        buckets: SECONDS,
      }),
  ),
  deadLetters: once(
    'darkspere_transport_dead_letters_total',
    (name) =>
      new Counter({
        name,
        help: 'Entries that were given up on, by pattern',
        labelNames: ['pattern'] as const,
      }),
  ),
  backlog: once(
    'darkspere_transport_backlog_entries',
    (name) =>
      new Gauge({
        name,
        help: 'Entries in the stream of a service that are not acknowledged yet',
        labelNames: ['service'] as const,
        async collect() {
          this.reset();
          await Promise.all(
            [...backlogs].map(async ([service, read]) => {
              // A scrape must not fail with Redis: the series is absent for that time.
              const entries = await read().catch(() => undefined);
              if (entries !== undefined) this.set({ service }, entries);
            }),
          );
        },
      }),
  ),
});

/** Reports the backlog of `service` at each scrape until the returned function is called. */
export const watchBacklog = (service: string, read: () => Promise<number>): (() => void) => {
  transportMetrics();
  backlogs.set(service, read);
  return () => {
    if (backlogs.get(service) === read) backlogs.delete(service);
  };
};
