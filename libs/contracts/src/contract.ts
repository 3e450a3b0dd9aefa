import type { z } from 'zod';

/** A request that one service answers: `<service>.<verb-noun>`; the service's stream carries it. */
export interface Contract<I extends z.ZodType = z.ZodType, O extends z.ZodType = z.ZodType> {
  readonly kind: 'request';
  readonly name: string;
  readonly service: string;
  readonly input: I;
  readonly output: O;
  /** How long a caller waits, in milliseconds; the deadline travels with the request. */
  readonly timeoutMs: number;
}

/** Something that happened, `<thing>.<past-tense>`, delivered at least once to each service in `to`. */
export interface EventContract<P extends z.ZodType = z.ZodType> {
  readonly kind: 'event';
  readonly name: string;
  readonly to: readonly string[];
  readonly payload: P;
}

/**
 * A hint to whoever listens right now (Redis pub/sub, at most once). Nothing may depend on its arrival:
 * each listener also reads the database on a timer. `topic` narrows it to one listener.
 */
export interface BroadcastContract<P extends z.ZodType = z.ZodType> {
  readonly kind: 'broadcast';
  readonly name: string;
  readonly payload: P;
}

export type InputOf<C extends Contract> = z.infer<C['input']>;
export type OutputOf<C extends Contract> = z.infer<C['output']>;
export type PayloadOf<E extends EventContract | BroadcastContract> = z.infer<E['payload']>;

const DEFAULT_TIMEOUT_MS = 5_000;

export const contract = <I extends z.ZodType, O extends z.ZodType>(spec: {
  name: `${string}.${string}`;
  input: I;
  output: O;
  timeoutMs?: number;
}): Contract<I, O> => ({
  kind: 'request',
  timeoutMs: DEFAULT_TIMEOUT_MS,
  ...spec,
  service: spec.name.slice(0, spec.name.indexOf('.')),
});

export const event = <P extends z.ZodType>(spec: { name: `${string}.${string}`; to: readonly string[]; payload: P }): EventContract<P> => ({
  kind: 'event',
  ...spec,
});

export const broadcast = <P extends z.ZodType>(spec: { name: `${string}.${string}`; payload: P }): BroadcastContract<P> => ({
  kind: 'broadcast',
  ...spec,
});
