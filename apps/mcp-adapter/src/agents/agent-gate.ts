import {
  BrokenCircuitError,
  BulkheadRejectedError,
  CircuitState,
  ConsecutiveBreaker,
  bulkhead,
  circuitBreaker,
  handleWhen,
  type BulkheadPolicy,
  type CircuitBreakerPolicy,
} from 'cockatiel';
import { AgentFailure } from './agent-failure.js';

const FAILURES_TO_OPEN = 5;
const HALF_OPEN_AFTER_MS = 5_000;
/** An agent that thinks for 3 s at 80 texts a second has 240 calls in flight; one that hangs holds no more than this. */
export const MAX_IN_FLIGHT = 256;

/**
 * Stands before one agent: at most 256 calls in flight (none waits: a turn has better things to do with its time), and
 * a circuit breaker that opens after five failures in a row and lets one trial through 5 s later.
 */
export class AgentGate {
  private readonly places: BulkheadPolicy = bulkhead(MAX_IN_FLIGHT, 0);
  private readonly breaker: CircuitBreakerPolicy = circuitBreaker(
    handleWhen((error) => this.countsAgainstAgent(error)),
    { breaker: new ConsecutiveBreaker(FAILURES_TO_OPEN), halfOpenAfter: HALF_OPEN_AFTER_MS },
  );

  async run<T>(call: () => Promise<T>): Promise<T> {
    // cockatiel lets others wait for the trial to end, up to 10 s; they have other agents to ask.
    if (this.breaker.state === CircuitState.HalfOpen) throw breakerOpen();
    try {
      return await this.places.execute(() => this.breaker.execute(call));
    } catch (error) {
      if (error instanceof BrokenCircuitError) throw breakerOpen();
      if (error instanceof BulkheadRejectedError) {
        throw new AgentFailure('agent_busy', `The agent has ${MAX_IN_FLIGHT} calls in flight.`);
      }
      throw error;
    }
  }

  /** A cancelled call says nothing about the agent, but a cancelled trial has not shown that it is well again. */
  private countsAgainstAgent(error: Error): boolean {
    const isCancelled = error instanceof AgentFailure && error.code === 'turn_cancelled';
    return !isCancelled || this.breaker.state === CircuitState.HalfOpen;
  }
}

const breakerOpen = () =>
  new AgentFailure(
    'agent_breaker_open',
    `The agent failed ${FAILURES_TO_OPEN} times in a row and is left alone for ${HALF_OPEN_AFTER_MS / 1_000} s.`,
  );
