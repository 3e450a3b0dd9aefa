import { Server, type CustomTransportStrategy, type MessageHandler } from '@nestjs/microservices';
import type { Redis } from 'ioredis';
import { closeConnection, commandConnection, patientConnection } from './connection.js';
import { ConsumerGroup } from './consumer-group.js';
import { DeliveryHandler } from './delivery-handler.js';
import { Dispatcher, type Outcome } from './dispatcher.js';
import type { Entry } from './entry.js';
import { StreamConsumer } from './stream-consumer.js';
import type { StreamContext } from './stream-context.js';

export interface RedisStreamsOptions {
  readonly service: string;
  readonly redisUrl: string;
  /** Entries this replica runs at a time; it never takes more than it can run. Default 128. */
  readonly concurrency?: number;
  /** Milliseconds after which an entry nobody cares for goes to another replica; a retry waits as long. Default 5,000. */
  readonly minIdleMs?: number;
  /** An event that failed so many times becomes a dead letter. Default 5. */
  readonly maxDeliveries?: number;
  /** Milliseconds `close()` grants to running handlers. Default 8,000. */
  readonly graceMs?: number;
}

/**
 * The Nest transport of a service: its replicas share one Redis stream. Events are delivered at least once; requests
 * are dropped past their deadline; a replica that dies loses nothing, what it had goes to another one within one and
 * a half times `minIdleMs`. A handler limits its own waiting: the transport never gives up on one that runs.
 */
export class RedisStreamsServer extends Server implements CustomTransportStrategy {
  /** Errors of event handlers are this server's to count and log. */
  override readonly propagatesEventHandlerErrors = true;
  private readonly options: Required<RedisStreamsOptions>;
  private readonly dispatcher = new Dispatcher();
  private connections: readonly Redis[] = [];
  private consumer?: StreamConsumer;
  private closing?: Promise<void>;

  constructor(options: RedisStreamsOptions) {
    super();
    this.options = { concurrency: 128, minIdleMs: 5_000, maxDeliveries: 5, graceMs: 8_000, ...options };
  }

  /** Starts reading. Does not wait for Redis: what is sent meanwhile waits in the stream. */
  listen(callback: () => void): void {
    const { service, redisUrl, maxDeliveries } = this.options;
    const reader = patientConnection(redisUrl, `${service}-reader`);
    const command = commandConnection(redisUrl, `${service}-server`);
    const group = new ConsumerGroup(reader, command, service);
    const handler = new DeliveryHandler(group, command, {
      maxDeliveries,
      knows: (pattern) => this.dispatcher.knows(pattern),
      dispatch: (entry, context) => this.dispatch(entry, context),
    });
    this.connections = [reader, command];
    this.consumer = new StreamConsumer(group, this.options, (delivery) => handler.handle(delivery));
    this.consumer.start();
    callback();
  }

  /** Stops reading, waits up to `graceMs` for what runs, and disconnects. What still runs then goes to another replica. */
  close(): Promise<void> {
    this.closing ??= this.leave();
    return this.closing;
  }

  private async leave(): Promise<void> {
    await this.consumer?.stop();
    await Promise.all(this.connections.map(closeConnection));
  }

  /** Events of the connections, by ioredis' names. */
  on(event: string, listener: Function): void {
    for (const redis of this.connections) redis.on(event, (...args: unknown[]) => listener(...args));
  }

  unwrap<T = readonly Redis[]>(): T {
    return this.connections as T;
  }

  /** The base would chain the handlers of one event so that the first failure hides the others; here each is on its own. */
  override addHandler(pattern: unknown, handler: MessageHandler, isEventHandler = false, extras: Record<string, unknown> = {}): void {
    const route = this.normalizePattern(pattern as string);
    if (!this.messageHandlers.has(route)) this.messageHandlers.set(route, handler);
    this.dispatcher.add(route, Object.assign(handler, { isEventHandler, extras }));
  }

  /** Within Nest's hooks, where tracing attaches. */
  private dispatch(entry: Entry, context: StreamContext): Promise<Outcome> {
    return new Promise((resolve) => {
      this.runWithProcessingHooks(context, async (end) => {
        const outcome = await this.dispatcher.dispatch(entry, context);
        end();
        resolve(outcome);
      });
    });
  }
}
