import { BaseRpcContext } from '@nestjs/microservices';
import type { Entry } from './entry.js';

/** The second argument of a handler (also `@Ctx()`): what came with the input. */
export class StreamContext extends BaseRpcContext<[entry: Entry, entryId: string, deliveries: number]> {
  get pattern(): string {
    return this.args[0].pattern;
  }

  /** Id of the stream entry; the same for each delivery, so it can serve as an idempotency key. */
  get entryId(): string {
    return this.args[1];
  }

  /** 1 for the first delivery. */
  get deliveries(): number {
    return this.args[2];
  }

  /** W3C trace context of the sender. */
  get traceparent(): string | undefined {
    return this.args[0].traceparent;
  }

  /** Of a request: epoch milliseconds after which the caller no longer waits. */
  get deadline(): number | undefined {
    return this.args[0].request?.deadline;
  }
}
