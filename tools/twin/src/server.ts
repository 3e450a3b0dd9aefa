import { parse as parseForm } from 'node:querystring';
import { fastify } from 'fastify';
import type { FastifyError, FastifyInstance } from 'fastify';
import { z } from 'zod';

/** The HTTP server without its routes: forms, errors, health. */
export const createServer = (): FastifyInstance => {
  // No answer of ours is cached, and a phone's address may be percent-encoded throughout.
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
