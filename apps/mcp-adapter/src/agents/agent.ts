import type { Dialect } from '@darkspere/contracts';

/** An agent as the registry publishes it, its credential decrypted. */
export interface AgentEndpoint {
  readonly agentId: string;
  /** Null until a probe has found one; such an agent is never routed to. */
  readonly dialect: Dialect | null;
  /** `https://…`, or `builtin:<service>` for a member of the built-in team. */
  readonly endpointUrl: string;
  readonly credential: string | null;
  /** Request types of the `chat` dialect that the agent answered at its probe. */
  readonly requestTypes: readonly string[];
  /** `ProbeReport.prior` of its last probe: what saves `mcp` the negotiation. */
  readonly prior: unknown;
}

export interface HistoryEntry {
  readonly role: 'user' | 'assistant';
  readonly content: string;
  /** ISO 8601. */
  readonly timestamp: string;
}

/** One turn as an agent sees it. No phone number: `contactId` and `sessionHandle` are pseudonyms. */
export interface TurnRequest {
  readonly turnId: string;
  readonly sessionHandle: string;
  readonly contactId: string;
  readonly message: string;
  readonly messageIds: readonly string[];
  readonly history: readonly HistoryEntry[];
  readonly sessionState: Readonly<Record<string, unknown>>;
  readonly preferences: Readonly<Record<string, unknown>>;
  readonly platform: string;
  /** W3C trace context, when the turn has one. */
  readonly traceparent: string | null;
  /** ISO 8601. */
  readonly timestamp: string;
}

/** What an agent is told about a session besides its turns. */
export interface SessionNotice {
  readonly type: 'session.init' | 'context.update' | 'session.end';
  readonly sessionHandle: string;
  readonly contactId: string;
  readonly sessionState: Readonly<Record<string, unknown>>;
  readonly preferences: Readonly<Record<string, unknown>>;
  readonly platform: string;
  readonly traceparent: string | null;
  /** ISO 8601. */
  readonly timestamp: string;
}

export interface TextReply {
  readonly kind: 'text';
  readonly message: string;
  readonly contextUpdate?: { readonly session_state?: Readonly<Record<string, unknown>> };
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** `stored`: a built-in agent has written its draft to the database itself, the text did not travel. */
export type AgentReply = TextReply | { readonly kind: 'stored' };

/** Speaks one dialect. All methods throw `AgentFailure` and stop when `signal` aborts. */
export interface AgentTransport {
  ask(agent: AgentEndpoint, turn: TurnRequest, signal: AbortSignal): Promise<AgentReply>;
  /** Resolves to false, without a call, when the agent does not take this notice. */
  tell(agent: AgentEndpoint, notice: SessionNotice, signal: AbortSignal): Promise<boolean>;
  /** Costs the agent as little as its dialect allows, and touches no session. */
  check(agent: AgentEndpoint, signal: AbortSignal): Promise<void>;
}
