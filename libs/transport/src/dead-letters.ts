import type { Redis } from 'ioredis';
import { fieldMap } from './entry.js';
import { deadStream, requestStream, STREAM_FUSE } from './keys.js';

/** An entry that a service gave up on. */
export interface DeadLetter {
  readonly id: string;
  readonly diedAt: Date;
  /** `unreadable`, `crashed` (each delivery ended with its process), `internal`, or the code of a DomainError. */
  readonly reason: string;
  readonly deliveries: number;
  /** Id that the entry had in the service's stream. */
  readonly entryId: string;
  readonly pattern: string | null;
  /** The payload as it was sent, JSON or not. Not for logs. */
  readonly data: string | null;
}

/** `reason`, `from` and `n` come last, after whatever the entry held. */
const FACTS = 2 * 3;

/** What services gave up on: to look at, to try again, to throw away. */
export class DeadLetters {
  constructor(private readonly redis: Redis) {}

  /** The newest first, up to `count` (default 100); `before` is the id of the last one of the page before. */
  async list(service: string, { count = 100, before }: { count?: number; before?: string } = {}): Promise<DeadLetter[]> {
    const entries = await this.redis.xrevrange(deadStream(service), before ? `(${before}` : '+', '-', 'COUNT', count);
    return entries.map(([id, fields]) => describe(id, fields));
  }

  /** Puts the entries back as new ones and forgets the dead letters; how many of them there were. */
  async replay(service: string, ids: readonly string[]): Promise<number> {
    const found = await Promise.all(ids.map((id) => this.redis.xrange(deadStream(service), id, id)));
    const entries = found.flat();
    await Promise.all(
      entries.map(([id, fields]) =>
        this.redis
          .multi()
          .xadd(requestStream(service), 'MAXLEN', '~', STREAM_FUSE, '*', ...fields.slice(0, -FACTS))
          .xdel(deadStream(service), id)
          .exec(),
      ),
    );
    return entries.length;
  }

  /** Throws the dead letters away; how many there were. */
  async discard(service: string, ids: readonly string[]): Promise<number> {
    return ids.length === 0 ? 0 : this.redis.xdel(deadStream(service), ...ids);
  }
}

const describe = (id: string, fields: string[]): DeadLetter => {
  const map = fieldMap(fields);
  return {
    id,
    diedAt: new Date(Number.parseInt(id, 10)),
    reason: map.get('reason') ?? 'unknown',
    deliveries: Number(map.get('n')),
    entryId: map.get('from') ?? '',
    pattern: map.get('p') ?? null,
    data: map.get('d') ?? null,
  };
};
