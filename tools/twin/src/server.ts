import { parse as parseForm } from 'node:querystring';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { fastify } from 'fastify';
import type { FastifyError, FastifyInstance } from 'fastify';
import { z } from 'zod';

/** The HTTP server without its routes: forms, errors, health. */
export const createServer = (): FastifyInstance => {
  const app = fastify({ logger: false, routerOptions: { maxParamLength: 256 }, bodyLimit: 16 << 20 });

  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_, body, done) => {
    done(null, parseForm(body as string));
  });

  app.setErrorHandler((error: FastifyError, _, reply) => {
    if (error instanceof z.ZodError) return reply.code(400).send({ error: z.prettifyError(error) });
    const status = error.statusCode ?? 500;
    if (status >= 500) console.error('twin:', error);
    return reply.code(status).send({ error: error.message });
  });

  app.setNotFoundHandler((request, reply) => reply.code(404).send({ error: `Nothing at ${request.method} ${request.url}` }));

  app.get('/health', async () => ({ status: 'ok' }));
  return app;
};

const CUT_MS = 20;

/** Answers what is under way, for at most `limitMs`, then ends every connection. Returns what to call for that. */
export const gracefulClose = (app: FastifyInstance): ((limitMs: number) => Promise<void>) => {
  const underWay = new Set<ServerResponse>();
  app.server.on('request', (_, response) => {
    underWay.add(response);
    response.once('close', () => underWay.delete(response));
  });
  return async (limitMs) => {
    const deadline = Date.now() + limitMs;
    const closed = app.close();
    while (underWay.size > 0 && Date.now() < deadline) await sleep(CUT_MS);
    // Node counts a connection that has not carried a request yet as busy, and clients open such ones ahead of need.
    const cut = setInterval(() => app.server.closeAllConnections(), CUT_MS);
    await closed.finally(() => clearInterval(cut));
  };
};
