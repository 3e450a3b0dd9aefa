import { Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { Broadcasts } from './broadcasts.js';
import { closeConnection, commandConnection, patientConnection } from './connection.js';
import { DeadLetters } from './dead-letters.js';
import { EventBus } from './event-bus.js';
import { RpcClient } from './rpc.client.js';
import { Subscriber } from './subscriber.js';
import { TransportHealth } from './transport.health.js';

export interface TransportOptions {
  /** Name of this service: its stream's, and that of its consumer group. */
  readonly service: string;
  readonly redisUrl: string;
}

/** The process's two connections for sending and hearing (the server that reads has its own). */
class Connections implements OnApplicationShutdown {
  readonly command: Redis;
  readonly subscribed: Redis;
  readonly subscriber: Subscriber;

  constructor({ service, redisUrl }: TransportOptions) {
    this.command = commandConnection(redisUrl, service);
    this.subscribed = patientConnection(redisUrl, `${service}-subscriber`);
    this.subscriber = new Subscriber(this.subscribed);
  }

  /** Not earlier: Nest closes the server before this hook, and the handlers it waits for still send. */
  async onApplicationShutdown(): Promise<void> {
    await Promise.all([closeConnection(this.command), closeConnection(this.subscribed)]);
  }
}

/** The sending side of the transport, for the whole app. The receiving side is RedisStreamsServer. */
@Module({})
export class TransportModule {
  /** Does not wait for Redis: an app starts without it, and what it sends fails until it is there. */
  static forRoot(options: TransportOptions): DynamicModule {
    const inject = [Connections];
    return {
      module: TransportModule,
      global: true,
      providers: [
        { provide: Connections, useFactory: () => new Connections(options) },
        { provide: RpcClient, inject, useFactory: ({ command, subscriber }: Connections) => new RpcClient(command, subscriber) },
        { provide: EventBus, inject, useFactory: ({ command }: Connections) => new EventBus(command) },
        { provide: Broadcasts, inject, useFactory: ({ command, subscriber }: Connections) => new Broadcasts(command, subscriber) },
        { provide: DeadLetters, inject, useFactory: ({ command }: Connections) => new DeadLetters(command) },
        { provide: TransportHealth, inject, useFactory: ({ command }: Connections) => new TransportHealth(command, options.service) },
      ],
      exports: [RpcClient, EventBus, Broadcasts, DeadLetters, TransportHealth],
    };
  }
}
