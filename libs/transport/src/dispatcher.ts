import type { Contract, EventContract } from '@darkspere/contracts';
import { DomainError } from '@darkspere/domain';
import type { MessageHandler } from '@nestjs/microservices';
import { isObservable, lastValueFrom } from 'rxjs';
import type { Entry, RequestHead } from './entry.js';
import { errorReply, valueReply } from './reply.js';
import { parseInput, parseOutput } from './schema-check.js';
import type { StreamContext } from './stream-context.js';

/** What the handlers made of an entry; an event that `failed` may be tried again unless that is hopeless. */
export type Outcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'answered'; readonly replyTo: string; readonly reply: string; readonly error?: unknown }
  | { readonly kind: 'failed'; readonly error: unknown; readonly isHopeless: boolean };

/** The handlers of a service by pattern: one for a request, any number for an event. */
export class Dispatcher {
  private readonly routes = new Map<string, MessageHandler[]>();

  add(pattern: string, handler: MessageHandler): void {
    const others = handler.isEventHandler ? (this.routes.get(pattern) ?? []) : [];
    this.routes.set(pattern, [...others, handler]);
  }

  knows(pattern: string): boolean {
    return this.routes.has(pattern);
  }

  /** Runs the entry's handlers. Never rejects. */
  dispatch(entry: Entry, context: StreamContext): Promise<Outcome> {
    const isEvent = entry.request === undefined;
    const handlers = this.routes.get(entry.pattern)?.filter((handler) => handler.isEventHandler === isEvent) ?? [];
    return entry.request ? answer(entry, entry.request, context, handlers[0]) : deliver(entry, context, handlers);
  }
}

const answer = async (entry: Entry, { id, replyTo }: RequestHead, context: StreamContext, handler?: MessageHandler): Promise<Outcome> => {
  const { pattern, data } = entry;
  try {
    if (!handler) throw new DomainError('rpc_unavailable', 'The service has no handler for this request');
    const contract = handler.extras?.contract as Contract | undefined;
    const result = await run(handler, contract ? parseInput(contract.input, data, pattern) : data, context);
    const value = contract ? parseOutput(contract.output, result, pattern) : result;
    return { kind: 'answered', replyTo, reply: valueReply(id, value) };
  } catch (error) {
    return { kind: 'answered', replyTo, reply: errorReply(id, pattern, error), error };
  }
};

const deliver = async ({ pattern, data }: Entry, context: StreamContext, handlers: MessageHandler[]): Promise<Outcome> => {
  // Not hopeless: while a release rolls out, another replica may know the event already.
  if (!handlers[0]) return { kind: 'failed', error: new DomainError('no_handler', pattern), isHopeless: false };
  let payload = data;
  try {
    const contract = handlers[0].extras?.contract as EventContract | undefined;
    if (contract) payload = parseInput(contract.payload, data, pattern);
  } catch (error) {
    return { kind: 'failed', error, isHopeless: true };
  }
  // All of them end before the entry is judged: one that fails must not leave another running unseen.
  const results = await Promise.allSettled(handlers.map((handler) => run(handler, payload, context)));
  const failure = results.find((result) => result.status === 'rejected');
  return failure ? { kind: 'failed', error: failure.reason, isHopeless: false } : { kind: 'done' };
};

/** Runs a handler; Nest's resolve to the result, or to an Observable of it (interceptors, errors). */
const run = async (handler: MessageHandler, input: unknown, context: StreamContext): Promise<unknown> => {
  const result: unknown = await handler(input, context);
  return isObservable(result) ? lastValueFrom(result, { defaultValue: undefined }) : result;
};
