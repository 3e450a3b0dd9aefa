import type { FastifyInstance } from 'fastify';
import { Histogram, register } from 'prom-client';

/** Time per route pattern (never the path itself: it may hold ids or numbers). */
export const observeRequests = (fastify: FastifyInstance): void => {
  const seconds =
    (register.getSingleMetric('darkspere_http_request_seconds') as Histogram | undefined) ??
    new Histogram({
      name: 'darkspere_http_request_seconds',
      help: 'HTTP requests by route and status',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    });
  fastify.addHook('onResponse', (request, reply, done) => {
    seconds.observe(
      { method: request.method, route: request.routeOptions.url ?? 'unknown', status: reply.statusCode },
      reply.elapsedTime / 1_000,
    );
    done();
  });
};
