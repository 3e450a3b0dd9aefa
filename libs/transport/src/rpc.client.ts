import { randomUUID } from 'node:crypto';
import type { Contract, InputOf, OutputOf } from '@darkspere/contracts';
import { DomainError } from '@darkspere/domain';
import type { Redis } from 'ioredis';
import { writeEntry } from './entry.js';
import { replyChannel, requestStream, STREAM_FUSE } from './keys.js';
import { readReply, valueOf, type Reply } from './reply.js';
import type { Subscriber } from './subscriber.js';
import { transportMetrics } from './transport.metrics.js';

export interface CallOptions {
  /** How long to wait, in milliseconds; the contract's own time by default. */
  readonly timeoutMs?: number;
  /** Stops the waiting; a request that has not started by then is not run. */
  readonly signal?: AbortSignal;
  /** W3C trace context; the handler finds it in its StreamContext. */
  readonly traceparent?: string;
}

/** Asks other services: one of the service's replicas handles the request. */
export class RpcClient {
  private readonly metrics = transportMetrics();
  private readonly channel = replyChannel(randomUUID());
  private readonly waiting = new Map<string, (reply: Reply) => void>();
  private readonly listening: Promise<unknown>;
  private sequence = 0;

  constructor(
    private readonly redis: Redis,
    private readonly subscriber: Subscriber,
  ) {
    this.listening = subscriber.listen(this.channel, (message) => {
      const reply = readReply(message);
      if (reply) this.waiting.get(reply.id)?.(reply);
    });
  }

  /**
   * The contract's output. Throws DomainError: `rpc_timeout` when no answer came in time (the handler may have run),
   * `rpc_unavailable` when Redis does not answer (within a second) or the service has no such handler,
   * `invalid_request`, `internal`, or what the handler threw; and the signal's reason when that ends the waiting.
   */
  async call<C extends Contract>(contract: C, input: InputOf<C>, options: CallOptions = {}): Promise<OutputOf<C>> {
    const startedAt = performance.now();
    let outcome = 'ok';
    try {
      return valueOf(await this.ask(contract, input, options)) as OutputOf<C>;
    } catch (error) {
      outcome = error instanceof DomainError ? error.code : 'cancelled';
      throw error;
    } finally {
      this.metrics.rpcSeconds.observe({ pattern: contract.name, outcome }, (performance.now() - startedAt) / 1_000);
    }
  }

  private async ask(
    contract: Contract,
    input: unknown,
    { timeoutMs = contract.timeoutMs, signal, traceparent }: CallOptions,
  ): Promise<Reply> {
    signal?.throwIfAborted();
    const id = String(++this.sequence);
    const request = { id, replyTo: this.channel, deadline: Date.now() + timeoutMs };
    const stream = requestStream(contract.service);
    const sent = this.send(stream, writeEntry({ pattern: contract.name, data: input, traceparent, request }));
    let giveUp = (): void => undefined;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<Reply>((resolve, reject) => {
        this.waiting.set(id, resolve);
        sent.catch(() => reject(new DomainError('rpc_unavailable', `${contract.service} cannot be asked: Redis does not answer`)));
        timer = setTimeout(
          () => reject(new DomainError('rpc_timeout', `${contract.name} did not answer within ${timeoutMs} ms`)),
          timeoutMs,
        );
        giveUp = () => reject(signal?.reason);
        signal?.addEventListener('abort', giveUp, { once: true });
      });
    } catch (error) {
      // Nobody waits for it any more: it should not count as backlog of a service that is away.
      sent.then((entryId) => this.redis.xdel(stream, entryId)).catch(() => undefined);
      throw error;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', giveUp);
      this.waiting.delete(id);
    }
  }

  private async send(stream: string, fields: string[]): Promise<string> {
    await this.listening;
    if (!this.subscriber.isConnected) throw new Error('No way back for the reply');
    return (await this.redis.xadd(stream, 'MAXLEN', '~', STREAM_FUSE, '*', ...fields))!;
  }
}
