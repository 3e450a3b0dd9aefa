/**
 * The one error type of the platform: a stable `code` (snake_case, see `errorStatus`), a sentence for a person, and
 * optional details such as field faults. Anything else that is thrown is a bug and reaches callers as `internal`.
 */
export class DomainError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly details?: unknown,
  ) {
    super(message);
    this.name = 'DomainError';
  }
}

const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  invalid_request: 400,
  unauthenticated: 401,
  forbidden: 403,
  invalid_signature: 403,
  not_found: 404,
  route_not_found: 404,
  agent_not_found: 404,
  number_not_found: 404,
  message_not_found: 404,
  session_not_found: 404,
  conflict: 409,
  number_taken: 409,
  send_refused: 409,
  session_unavailable: 409,
  idempotency_in_progress: 409,
  payload_too_large: 413,
  unsupported_media_type: 415,
  endpoint_refused: 422,
  agent_probe_failed: 422,
  idempotency_mismatch: 422,
  unavailable: 503,
  rpc_unavailable: 503,
  rpc_timeout: 504,
  turn_failed: 502,
};

/** HTTP status of an error code; 500 for a code that no table names. */
export const errorStatus = (code: string): number => STATUS_BY_CODE[code] ?? 500;
