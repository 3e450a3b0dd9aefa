import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Egress } from '@darkspere/platform';
import { Agent, fetch as undiciFetch, type Dispatcher } from 'undici';
import { AgentFailure, failureOfAbort, failureOfConnection, failureOfStatus } from './agent-failure.js';

/** The most an agent may send for one answer, in bytes. */
export const MAX_ANSWER_BYTES = 1_048_576;
/** The longest an exchange may last whatever its caller allows: no slow drip outlives the turn that asked for it. */
export const MAX_EXCHANGE_MS = 10_000;

const CONNECT_TIMEOUT_MS = 3_000;
/** As many as one agent may have calls in flight (see `AgentGate`); agents may share an origin. */
const CONNECTIONS_PER_ORIGIN = 256;

export interface HttpExchange {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body?: Buffer;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/**
 * HTTP to agents, the only way out: keep-alive pools whose every connection passes the egress guard, answers of at most
 * 1 MB, no redirects, no content encoding (1 MB of gzip may hold 1 GB).
 */
@Injectable()
export class AgentHttpClient implements OnApplicationShutdown {
  private readonly dispatcher: Agent;

  constructor(egress: Egress) {
    this.dispatcher = new Agent({
      connect: egress.connector({ timeout: CONNECT_TIMEOUT_MS }),
      connections: CONNECTIONS_PER_ORIGIN,
      headersTimeout: MAX_EXCHANGE_MS,
      bodyTimeout: MAX_EXCHANGE_MS,
      maxResponseSize: MAX_ANSWER_BYTES,
    });
  }

  /** Resolves to any answer, whatever its status; throws `AgentFailure` when there is none. `signal` must have a limit. */
  exchange({ url, ...request }: HttpExchange, signal: AbortSignal): Promise<HttpAnswer> {
    const { origin, pathname, search } = new URL(url);
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(failureOfAbort(signal));
      this.dispatcher.dispatch({ ...request, origin, path: pathname + search }, new Exchange(signal, resolve, reject));
    });
  }

  /** A `fetch` with the same guards, for the MCP SDK. Anything that fails rejects with an `AgentFailure`. */
  readonly fetch = async (url: string | URL, init: RequestInit = {}): Promise<Response> => {
    const limit = AbortSignal.timeout(MAX_EXCHANGE_MS);
    const signal = init.signal ? AbortSignal.any([init.signal, limit]) : limit;
    const headers = new Headers(init.headers);
    headers.set('accept-encoding', 'identity');
    try {
      const guarded = { ...init, headers, signal, redirect: 'manual', dispatcher: this.dispatcher };
      // undici's Response is the platform's in all but its TypeScript name.
      const response = (await undiciFetch(url, guarded as never)) as unknown as Response;
      const fault = faultOfHeaders(response.status, response.headers.get('content-encoding'));
      if (fault === null) return response;
      await response.body?.cancel();
      throw fault;
    } catch (error) {
      throw signal.aborted ? failureOfAbort(signal) : failureOfConnection(error);
    }
  };

  /** Not earlier: by now the turns have drained, and what is still open is idle. */
  async onApplicationShutdown(): Promise<void> {
    await this.dispatcher.destroy();
  }
}

const faultOfHeaders = (status: number, encoding: string | null): AgentFailure | null => {
  if (status >= 300 && status < 400) return failureOfStatus(status);
  if (encoding === null || encoding === 'identity') return null;
  return new AgentFailure('agent_answer_invalid', "The agent's answer has a content encoding; send it plain.");
};

/**
 * One request on undici's dispatcher. Below `request()` on purpose: no stream is made for a body that is read whole, and
 * an abort is felt at once, also while the connection is still being made.
 */
class Exchange implements Dispatcher.DispatchHandler {
  private controller: Dispatcher.DispatchController | null = null;
  private isSettled = false;
  private status = 0;
  private headers: HttpAnswer['headers'] = {};
  private readonly chunks: Buffer[] = [];

  constructor(
    private readonly signal: AbortSignal,
    private readonly resolve: (answer: HttpAnswer) => void,
    private readonly reject: (failure: AgentFailure) => void,
  ) {
    signal.addEventListener('abort', this.onAbort, { once: true });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    if (this.isSettled) controller.abort(failureOfAbort(this.signal));
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: HttpAnswer['headers']): void {
    if (status < 200) return;
    this.status = status;
    this.headers = headers;
    const encoding = headers['content-encoding'];
    const fault = faultOfHeaders(status, encoding === undefined ? null : String(encoding));
    if (fault !== null) controller.abort(fault);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.chunks.push(chunk);
  }

  onResponseEnd(): void {
    if (!this.settle()) return;
    const [first, ...more] = this.chunks;
    const body = first === undefined ? Buffer.alloc(0) : more.length === 0 ? first : Buffer.concat(this.chunks);
    this.resolve({ status: this.status, headers: this.headers, body });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.settle()) this.reject(failureOfConnection(error));
  }

  private readonly onAbort = (): void => {
    if (!this.settle()) return;
    const failure = failureOfAbort(this.signal);
    this.controller?.abort(failure);
    this.reject(failure);
  };

  private settle(): boolean {
    if (this.isSettled) return false;
    this.isSettled = true;
    this.signal.removeEventListener('abort', this.onAbort);
    return true;
  }
}
