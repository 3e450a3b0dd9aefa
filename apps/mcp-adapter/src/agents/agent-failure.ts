import { DomainError } from '@darkspere/domain';

/** Why an agent gave no answer, and whether asking the same agent again may help. */
const RETRYABLE = {
  agent_unreachable: true,
  agent_timeout: true,
  agent_error: true,
  agent_busy: true,
  agent_answer_invalid: false,
  agent_answer_too_large: false,
  agent_refused: false,
  agent_needs_input: false,
  agent_breaker_open: false,
  turn_cancelled: false,
} as const satisfies Record<string, boolean>;

export type AgentFailureCode = keyof typeof RETRYABLE;

const DOWN: ReadonlySet<AgentFailureCode> = new Set(['agent_unreachable', 'agent_timeout', 'agent_refused']);

/**
 * The one way in which an agent fails. `message` is a diagnosis for the agent's developer: our own words, a status or an
 * error code, never anything the agent or the contact wrote.
 */
export class AgentFailure extends DomainError {
  declare readonly code: AgentFailureCode;

  constructor(
    code: AgentFailureCode,
    diagnosis: string,
    readonly retryable: boolean = RETRYABLE[code],
    /** Nobody answers there; any other failure is the answer of an agent that lives. */
    readonly isDown: boolean = DOWN.has(code),
  ) {
    super(code, diagnosis);
    this.name = 'AgentFailure';
  }
}

/** The failure that an aborted signal stands for: its time was up, or nobody wants the answer any more. */
export const failureOfAbort = (signal: AbortSignal): AgentFailure =>
  (signal.reason as Error | undefined)?.name === 'TimeoutError'
    ? new AgentFailure('agent_timeout', 'The agent did not answer in time.')
    : new AgentFailure('turn_cancelled', 'The call was cancelled.');

/** The failure that an HTTP status other than 2xx stands for. */
export const failureOfStatus = (status: number): AgentFailure => {
  if (status < 400) {
    return new AgentFailure('agent_error', `The agent answered with a redirect (HTTP ${status}); redirects are not followed.`, false);
  }
  if (status === 401 || status === 403) {
    return new AgentFailure('agent_error', `The agent did not accept our credential (HTTP ${status}).`, false);
  }
  const mayPass = status >= 500 || status === 408 || status === 425 || status === 429;
  return new AgentFailure('agent_error', `The agent answered HTTP ${status}.`, mayPass, status >= 500);
};

/** The failure that an error of a connection stands for, wherever in its chain of causes the reason is. */
export const failureOfConnection = (error: unknown): AgentFailure => {
  for (const cause of causesOf(error)) {
    if (cause instanceof AgentFailure) return cause;
    const failure = failureOfCode(cause);
    if (failure !== null) return failure;
  }
  return new AgentFailure('agent_unreachable', 'The connection to the agent failed.');
};

const MAX_CAUSES = 8;

/** What errors have of these: Node's a code, an AggregateError (all addresses failed) its errors, fetch's a cause. */
interface Cause {
  readonly name?: unknown;
  readonly message?: unknown;
  readonly code?: unknown;
  readonly cause?: unknown;
  readonly errors?: readonly unknown[];
}

function* causesOf(error: unknown): Generator<Cause> {
  let next = error;
  for (let depth = 0; depth < MAX_CAUSES && typeof next === 'object' && next !== null; depth += 1) {
    const cause: Cause = next;
    yield cause;
    next = cause.errors?.[0] ?? cause.cause;
  }
}

const failureOfCode = ({ code, name, message }: Cause): AgentFailure | null => {
  // undici's HTTPParserError has no code when the answer's first bytes are not HTTP.
  const id = typeof code === 'string' ? code : String(name);
  if (id === 'endpoint_refused') return new AgentFailure('agent_refused', String(message));
  const known = FAILURE_BY_CODE.find(([pattern]) => pattern.test(id));
  return known ? new AgentFailure(known[1], `${known[2]} (${id}).`, known[3]) : null;
};

/** Codes of Node (https://nodejs.org/api/errors.html), OpenSSL and undici. */
const FAILURE_BY_CODE: readonly [RegExp, AgentFailureCode, string, boolean?][] = [
  [
    /^UND_ERR_RES_EXCEEDED_MAX_SIZE$|^UND_ERR_HEADERS_OVERFLOW$|^HPE_HEADER_OVERFLOW$/,
    'agent_answer_too_large',
    "The agent's answer is too large",
  ],
  [/^UND_ERR_(HEADERS|BODY)_TIMEOUT$/, 'agent_timeout', 'The agent did not answer in time'],
  [/^UND_ERR_INVALID_ARG$/, 'agent_error', 'The request cannot be sent: does the credential hold a character that no header may?', false],
  [/^HPE_|^HTTPParserError$|^UND_ERR_RES_CONTENT_LENGTH_MISMATCH$/, 'agent_answer_invalid', "The agent's answer is not proper HTTP"],
  [/CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS_|ERR_SSL_|EPROTO/, 'agent_unreachable', 'A secure connection to the agent is not possible', false],
  [/^ENOTFOUND$|^EAI_/, 'agent_unreachable', "The agent's host name does not resolve"],
  [
    /^ECONNREFUSED$|^EHOSTUNREACH$|^ENETUNREACH$|^ETIMEDOUT$|^UND_ERR_CONNECT_TIMEOUT$/,
    'agent_unreachable',
    "The agent's endpoint takes no connection",
  ],
  [/^UND_ERR_SOCKET$|^ECONNRESET$|^EPIPE$/, 'agent_unreachable', 'The connection broke before the answer was complete'],
];
