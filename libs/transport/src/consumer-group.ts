import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Delivery } from './entry.js';
import { deadStream, requestStream, STREAM_FUSE } from './keys.js';

type RawEntry = [id: string, fields: string[]];
type RawPending = [id: string, consumer: string, idleMs: number, deliveries: number];
type RawConsumer = (string | number)[];

// DELCONSUMER also deletes what the consumer has pending, and those entries would never be delivered again. Only
// inside Redis can nothing come between the look and the deletion.
const LEAVE = `
  if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) > 0 then return 0 end
  return redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])`;

/** This process as a consumer of its service's stream: the Redis side of at-least-once. */
export class ConsumerGroup {
  readonly consumer = `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`;
  private readonly stream: string;
  private cursor = '0-0';
  private readerId = 0;
  private acks: string[] = [];
  private flushed?: Promise<unknown>;

  constructor(
    /** Blocks while it reads, so nothing else may use it. */
    private readonly reader: Redis,
    private readonly command: Redis,
    private readonly service: string,
  ) {
    this.stream = requestStream(service);
    reader.on('ready', () => {
      reader.client('ID').then(
        (id) => (this.readerId = id),
        () => undefined,
      );
    });
  }

  /** Makes the group if it is missing, from the stream's first entry: after a flush what came meanwhile still counts. */
  async join(): Promise<void> {
    await this.reader.xgroup('CREATE', this.stream, this.service, '0', 'MKSTREAM').catch((error: Error) => {
      if (!error.message.startsWith('BUSYGROUP')) throw error;
    });
  }

  /** Up to `count` new entries; waits `blockMs` for the first. Rejects with NOGROUP or UNBLOCKED when the stream was deleted. */
  async read(count: number, blockMs: number): Promise<Delivery[]> {
    const reply = (await this.reader.xreadgroup(
      'GROUP',
      this.service,
      this.consumer,
      'COUNT',
      count,
      'BLOCK',
      blockMs,
      'STREAMS',
      this.stream,
      '>',
    )) as [key: string, entries: RawEntry[]][] | null;
    return (reply?.[0]?.[1] ?? []).map(([id, fields]) => ({ id, fields, deliveries: 1 }));
  }

  /** Up to `count` entries that nobody has cared for since `minIdleMs`, whoever had them. */
  async reclaim(count: number, minIdleMs: number): Promise<Delivery[]> {
    const [cursor, entries] = (await this.reader.xautoclaim(
      this.stream,
      this.service,
      this.consumer,
      minIdleMs,
      this.cursor,
      'COUNT',
      count,
    )) as [string, RawEntry[]];
    this.cursor = cursor;
    if (entries.length === 0) return [];
    const [first, last] = [entries[0]![0], entries.at(-1)![0]];
    const pending = (await this.reader.xpending(this.stream, this.service, first, last, 1_000, this.consumer)) as RawPending[];
    const deliveries = new Map(pending.map(([id, , , times]) => [id, times]));
    return entries.map(([id, fields]) => ({ id, fields, deliveries: deliveries.get(id) ?? 1 }));
  }

  /** Keeps the entries from being reclaimed for another while. */
  async beat(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.command.xclaim(this.stream, this.service, this.consumer, 0, ...ids, 'JUSTID');
  }

  /** The entry is done and leaves the stream, so that the stream's length is the backlog. One command for all of a tick. */
  ack(id: string): Promise<unknown> {
    this.acks.push(id);
    this.flushed ??= nextTurn().then(() => this.flushAcks());
    return this.flushed;
  }

  private flushAcks(): Promise<unknown> {
    const ids = this.acks;
    this.acks = [];
    this.flushed = undefined;
    return Promise.all([this.command.xack(this.stream, this.service, ...ids), this.command.xdel(this.stream, ...ids)]);
  }

  /** Moves the entry to the dead letters, with the reason and what it was. */
  async bury({ id, fields, deliveries }: Delivery, reason: string): Promise<void> {
    const facts = ['reason', reason, 'from', id, 'n', String(deliveries)];
    await this.command
      .multi()
      .xadd(deadStream(this.service), 'MAXLEN', '~', STREAM_FUSE, '*', ...fields, ...facts)
      .xack(this.stream, this.service, id)
      .xdel(this.stream, id)
      .exec();
  }

  /** Removes consumers that ended without goodbye: idle for `idleMs` (a living one reads every few seconds) and empty. */
  async collect(idleMs: number): Promise<void> {
    const consumers = (await this.command.xinfo('CONSUMERS', this.stream, this.service)) as RawConsumer[];
    for (const raw of consumers) {
      const of = (name: string) => raw[raw.indexOf(name) + 1];
      if (Number(of('idle')) > idleMs && of('pending') === 0) await this.remove(String(of('name')));
    }
  }

  /** Ends a read that is blocking. Cutting the connection instead could lose sight of entries on their way for `minIdle`. */
  async unblock(): Promise<void> {
    if (this.reader.status === 'ready') await this.command.client('UNBLOCK', this.readerId);
    else this.reader.disconnect();
  }

  /** Removes this consumer, unless it has entries that somebody must take over. */
  async leave(): Promise<void> {
    if (this.command.status === 'ready') await this.remove(this.consumer);
  }

  private remove(consumer: string): Promise<unknown> {
    return this.command.eval(LEAVE, 1, this.stream, this.service, consumer);
  }
}
