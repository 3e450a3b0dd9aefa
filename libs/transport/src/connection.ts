import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { Redis, type RedisOptions } from 'ioredis';

/** How long a command may take before its caller hears that Redis does not answer, in milliseconds. */
export const COMMAND_TIMEOUT_MS = 900;
const PING_EVERY_MS = 3_000;
/** More than a read may block: the ping waits behind it. */
const PONG_WITHIN_MS = 3_000;

const logger = new Logger('Transport');

const connect = (url: string, name: string, options: RedisOptions): Redis => {
  const redis = new Redis(url, {
    connectionName: name,
    retryStrategy: (attempt) => Math.min(50 * 2 ** attempt, 2_000) * (0.5 + Math.random() / 2),
    // After a failover the old primary answers READONLY until the name resolves to the new one.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    ...options,
  });
  let isDown = false;
  redis.on('error', (error) => {
    if (!isDown) logger.warn(`Redis connection ${name} is down, reconnecting: ${error.message}`);
    isDown = true;
  });
  redis.on('ready', () => {
    if (isDown) logger.log(`Redis connection ${name} is back`);
    isDown = false;
  });
  keepHonest(redis);
  return redis;
};

/**
 * Cuts a connection whose peer is gone without a word: TCP alone takes about 15 minutes to notice. (Not ioredis'
 * `socketTimeout`: in 5.11.1 its timer outlives the socket and destroys the next one.)
 */
const keepHonest = (redis: Redis): void => {
  const timer = setInterval(async () => {
    if (redis.status !== 'ready') return;
    const isAlive = await answersWithin(redis.ping(), PONG_WITHIN_MS);
    if (!isAlive && redis.status === 'ready') redis.disconnect(true);
  }, PING_EVERY_MS).unref();
  redis.once('end', () => clearInterval(timer));
};

/**
 * For everything that must fail fast: a command waits for a reconnect for COMMAND_TIMEOUT_MS at most. The client
 * sends nothing twice, so that a dropped connection does not double a request.
 */
export const commandConnection = (url: string, name: string): Redis =>
  connect(url, name, {
    enableAutoPipelining: true,
    commandTimeout: COMMAND_TIMEOUT_MS,
    maxRetriesPerRequest: 3,
    autoResendUnfulfilledCommands: false,
  });

/** For blocking reads and for subscriptions: what it was asked for waits until Redis is back. */
export const patientConnection = (url: string, name: string): Redis =>
  // ioredis' own resubscription leaves its promise unhandled: one that fails at shutdown would end the process.
  connect(url, name, { maxRetriesPerRequest: null, autoResubscribe: false });

/** Says goodbye to Redis; a connection that cannot is cut. */
export const closeConnection = async (redis: Redis): Promise<void> => {
  const hasQuit = redis.status === 'ready' && (await answersWithin(redis.quit(), COMMAND_TIMEOUT_MS));
  if (!hasQuit) redis.disconnect();
};

const answersWithin = (command: Promise<unknown>, ms: number): Promise<boolean> =>
  Promise.race([
    command.then(
      () => true,
      () => false,
    ),
    delay(ms, false, { ref: false }),
  ]);
