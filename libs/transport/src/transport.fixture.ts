import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { event, type EventContract } from '@darkspere/contracts';
import { Logger } from '@nestjs/common';
import { Redis } from 'ioredis';
import { z } from 'zod';
import { Broadcasts } from './broadcasts.js';
import { closeConnection, commandConnection, patientConnection } from './connection.js';
import { DeadLetters } from './dead-letters.js';
import { EventBus } from './event-bus.js';
import { RedisStreamsServer, type RedisStreamsOptions } from './redis-streams.server.js';
import { RpcClient } from './rpc.client.js';
import type { StreamContext } from './stream-context.js';
import { Subscriber } from './subscriber.js';
import { TransportHealth } from './transport.health.js';

// Failures are what most of these tests provoke.
Logger.overrideLogger(false);

/** The Redis of this test run; `database` chooses one that nobody else flushes or reads. */
export const redisUrl = (database?: number): string => {
  const url = process.env.TEST_REDIS_URL;
  if (!url) throw new Error('TEST_REDIS_URL is not set: run these tests through the db project of jest');
  return database === undefined ? url : new URL(String(database), `${url.replace(/\/\d*$/, '')}/`).href;
};

export const uniqueService = (): string => `t-${randomUUID().slice(0, 8)}`;

export const orderPlaced = (...to: string[]): EventContract<z.ZodObject<{ number: z.ZodInt }>> =>
  event({ name: 'order.placed', to, payload: z.object({ number: z.int() }) });

/** What handlers were given; `after(n)` waits for the n-th. */
export class Inbox<T> {
  readonly items: T[] = [];
  private waiters: { count: number; resolve: () => void }[] = [];

  readonly push = (item: T): void => {
    this.items.push(item);
    this.waiters = this.waiters.filter(({ count, resolve }) => this.items.length < count || void resolve());
  };

  async after(count: number): Promise<T[]> {
    if (this.items.length < count) await new Promise<void>((resolve) => this.waiters.push({ count, resolve }));
    return this.items;
  }
}

/** Tries until `check` no longer throws; for what Redis alone can tell. */
export const eventually = async (check: () => Promise<void> | void, withinMs = 5_000): Promise<void> => {
  const end = Date.now() + withinMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > end) throw error;
      await delay(10);
    }
  }
};

/** Everything a test opens, closed together by `close()`. */
export class Rig {
  private readonly closers: (() => unknown)[] = [];

  constructor(readonly url = redisUrl()) {}

  /** A plain connection, to look at what the library left in Redis. */
  readonly redis = this.keep(
    new Redis(this.url).on('error', () => undefined),
    (redis) => redis.disconnect(),
  );

  sender(service = 'tests', url = this.url) {
    const command = this.keep(commandConnection(url, service), closeConnection);
    const subscriber = new Subscriber(this.keep(patientConnection(url, `${service}-subscriber`), closeConnection));
    return {
      rpc: new RpcClient(command, subscriber),
      events: new EventBus(command),
      broadcasts: new Broadcasts(command, subscriber),
      deadLetters: new DeadLetters(command),
      health: this.keep(new TransportHealth(command, service), (health) => health.onApplicationShutdown()),
    };
  }

  /** A replica of `service` that handles an event. */
  replica(
    service: string,
    handler: (payload: { number: number }, context: StreamContext) => unknown,
    options: Partial<RedisStreamsOptions> = {},
  ): RedisStreamsServer {
    const server = this.server(service, options);
    server.addHandler('order.placed', async (payload, context) => handler(payload, context), true, { contract: orderPlaced(service) });
    server.listen(() => undefined);
    return server;
  }

  server(service: string, options: Partial<RedisStreamsOptions> = {}): RedisStreamsServer {
    return this.keep(new RedisStreamsServer({ service, redisUrl: this.url, graceMs: 200, ...options }), (server) => server.close());
  }

  keep<T>(thing: T, close: (thing: T) => unknown): T {
    this.closers.push(() => close(thing));
    return thing;
  }

  async close(): Promise<void> {
    await Promise.all(this.closers.reverse().map((close) => close()));
  }
}

/** A way to Redis that a test can cut or freeze; `open` lets new connections through, frozen ones stay dead. */
export const openProxy = async (target: string) => {
  const { hostname, port } = new URL(target);
  const links = new Set<{ sockets: Socket[]; isFrozen: boolean }>();
  let state: 'open' | 'cut' | 'frozen' = 'open';
  const server = createServer((client) => {
    if (state === 'cut') return client.destroy();
    const upstream = connect(Number(port), hostname);
    const link = { sockets: [client, upstream], isFrozen: state === 'frozen' };
    links.add(link);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on('data', (chunk) => link.isFrozen || to.write(chunk));
      from.on('error', () => undefined);
      from.on('close', () => links.delete(link) && to.destroy());
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const cut = () => {
    state = 'cut';
    for (const { sockets } of links) for (const socket of sockets) socket.destroy();
  };
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    freeze: () => {
      state = 'frozen';
      for (const link of links) link.isFrozen = true;
    },
    open: () => {
      state = 'open';
    },
    close: () => {
      cut();
      server.close();
    },
  };
};
