import { failureOfAbort } from './agent-failure.js';

/**
 * Runs a call that stops when `signal` aborts or `limitMs` have passed; the signal it is given then has a
 * `TimeoutError` as its reason. A plain timer, cleared at once, instead of `AbortSignal.any` with `AbortSignal.timeout`:
 * those cost four times as much (measured 4.8 µs and 1.2 µs) and leave a 10 s timer behind each call.
 */
export const withinLimit = async <T>(limitMs: number, signal: AbortSignal, run: (signal: AbortSignal) => Promise<T>): Promise<T> => {
  const limited = new AbortController();
  const forward = () => limited.abort(signal.reason);
  if (signal.aborted) forward();
  signal.addEventListener('abort', forward, { once: true });
  const timer = setTimeout(() => limited.abort(new DOMException('The time limit was reached', 'TimeoutError')), limitMs);
  try {
    return await run(limited.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', forward);
  }
};

/** Waits for work that others wait for too, and so goes on, but no longer than `signal` lasts. Throws `AgentFailure`. */
export const unlessAborted = <T>(work: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    const onAbort = () => reject(failureOfAbort(signal));
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
