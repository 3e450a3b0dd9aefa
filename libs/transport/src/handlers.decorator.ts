import type { Contract, EventContract, InputOf, OutputOf, PayloadOf } from '@darkspere/contracts';
import { Catch, UseFilters, type ExceptionFilter } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { throwError, type Observable } from 'rxjs';
import type { StreamContext } from './stream-context.js';

// TypeScript lets a method ask for more than it is given (parameter bivariance); a function of the same parameters may not.
type Takes<Input, Method> = Method extends (...args: infer Args) => unknown
  ? ((...args: Args) => unknown) extends (input: Input, context: StreamContext) => unknown
    ? unknown
    : never
  : never;

type HandlerDecorator<Input, Output> = <Method extends (input: Input, context: StreamContext) => Output | Promise<Output>>(
  target: object,
  key: string | symbol,
  descriptor: TypedPropertyDescriptor<Method> & Takes<Input, Method>,
) => void;

/** Hands errors to the server as they are: it answers, counts and logs them. Nest's own filter would log them first. */
@Catch()
class PassOn implements ExceptionFilter {
  catch(error: unknown): Observable<never> {
    return throwError(() => error);
  }
}

const listen =
  (pattern: (target: object, key: string | symbol, descriptor: PropertyDescriptor) => unknown) =>
  (target: object, key: string | symbol, descriptor: PropertyDescriptor) => {
    pattern(target, key, descriptor);
    UseFilters(new PassOn())(target, key, descriptor);
    Payload()(target, key, 0);
    Ctx()(target, key, 1);
  };

/**
 * The method answers the requests of a contract: `handler(input, context?)`. It gets the input as its schema parsed
 * it, and its result is checked against the output schema. A DomainError it throws reaches the caller as it is. When
 * its process dies it may run again on another replica, until the caller's deadline.
 */
export const Handles = <C extends Contract>(contract: C): HandlerDecorator<InputOf<C>, OutputOf<C>> =>
  listen(MessagePattern(contract.name, { contract }));

/**
 * The method handles an event: `handler(payload, context?)`. The event is acknowledged after it resolves and comes
 * again, at least `minIdle` later, after it rejects; it has to bear a second delivery.
 */
export const On = <E extends EventContract>(event: E): HandlerDecorator<PayloadOf<E>, void> =>
  listen(EventPattern(event.name, { contract: event }));
