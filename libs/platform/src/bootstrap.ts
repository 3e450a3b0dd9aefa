import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { RedisStreamsServer } from '@darkspere/transport';
import type { FastifyInstance } from 'fastify';
import { PlatformEnv, readEnv } from './env.js';
import { observeRequests } from './http.metrics.js';
import { JsonLogger } from './logger.js';
import { answerFrameworkError } from './problem.filter.js';
import { validationPipe } from './validation.js';

/** Fastify's answer to a body that is larger: 413. */
const BODY_LIMIT_BYTES = 1_048_576;

/**
 * `close()` ends connections that are idle at that moment. One whose request is still answered would stay open behind it
 * for all of `keepAliveTimeout`, and the process with it.
 */
const endConnectionsAtClose = (fastify: FastifyInstance): void => {
  let isClosing = false;
  fastify.addHook('preClose', (done) => {
    isClosing = true;
    done();
  });
  fastify.addHook('onSend', (_request, reply, payload, done) => {
    if (isClosing) void reply.header('connection', 'close');
    done(null, payload);
  });
};

/** The HTTP side of an app, as it also runs in tests. */
export const createAdapter = (): FastifyAdapter => {
  const adapter = new FastifyAdapter({
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: 30_000,
    keepAliveTimeout: 65_000,
    routerOptions: { maxParamLength: 200 },
    frameworkErrors: answerFrameworkError,
  });
  observeRequests(adapter.getInstance());
  endConnectionsAtClose(adapter.getInstance());
  return adapter;
};

/**
 * Starts an app: HTTP on `PORT` (default `port`), its stream on Redis, graceful shutdown on SIGTERM and SIGINT.
 * A fault at start is one clear message and exit code 1.
 */
export const bootstrap = async (module: Type, { name, port }: { name: string; port: number }): Promise<void> => {
  try {
    const env = readEnv(PlatformEnv);
    const logger = new JsonLogger(name, env.LOG_LEVEL);
    const app = await NestFactory.create<NestFastifyApplication>(module, createAdapter(), { logger, abortOnError: false });
    app.useGlobalPipes(validationPipe());
    app.enableShutdownHooks();
    app.connectMicroservice({ strategy: new RedisStreamsServer({ service: name, redisUrl: env.REDIS_URL }) });
    await app.startAllMicroservices();
    await app.listen(env.PORT ?? port, env.HOST);
    logger.log(`listening on ${env.HOST}:${env.PORT ?? port}`, 'Bootstrap');
  } catch (error) {
    process.stderr.write(`${name} could not start: ${(error as Error).message}\n`);
    process.exit(1);
  }
};
