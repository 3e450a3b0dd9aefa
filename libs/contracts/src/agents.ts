import { z } from 'zod';
import { contract } from './contract.js';

export const Dialect = z.enum(['mcp', 'chat', 'builtin']);
export type Dialect = z.infer<typeof Dialect>;

/** What a probe found out about an agent: which dialect answered, what it offers, and what to fix. */
export const ProbeReport = z.object({
  passed: z.boolean(),
  dialect: Dialect.nullable(),
  /** MCP revision that was negotiated, when the dialect is `mcp`. */
  protocolVersion: z.string().nullable(),
  tools: z.array(z.string()),
  /** Request types of the `chat` dialect that the agent answered. */
  requestTypes: z.array(z.string()),
  /** The agent declares `chat` idempotent: the same call twice is safe. */
  isIdempotent: z.boolean(),
  latencyMs: z.number().int().nonnegative().nullable(),
  checks: z.array(z.object({ name: z.string(), passed: z.boolean(), detail: z.string(), fix: z.string().optional() })),
  /** What a later connection can reuse (the MCP discover result), opaque to everyone but mcp-adapter. */
  prior: z.unknown().optional(),
});
export type ProbeReport = z.infer<typeof ProbeReport>;

/** Asks mcp-adapter, the only speaker to agents, to probe one. It reads endpoint and credential itself. */
export const probeAgent = contract({
  name: 'mcp-adapter.probe-agent',
  input: z.object({ agentId: z.uuid() }),
  output: ProbeReport,
  timeoutMs: 20_000,
});
