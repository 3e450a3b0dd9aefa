import type { AgentEntity, StoredReport } from './agent.entity.js';

/** What the API shows of an agent: never its credential. */
export const agentView = (agent: AgentEntity) => ({
  agent_id: agent.id,
  agent_name: agent.agentName,
  endpoint_url: agent.endpointUrl,
  status: agent.status,
  dialect: agent.dialect,
  pool: agent.pool,
  max_concurrent_sessions: agent.maxConcurrentSessions,
  double_text: agent.doubleText,
  phone_number_grant: agent.hasPhoneGrant,
  has_api_key: agent.credentialCiphertext !== null,
  health_score: agent.healthScore,
  avg_response_time_ms: agent.avgResponseTimeMs,
  report: reportOf(agent),
  created_at: agent.createdAt,
  updated_at: agent.updatedAt,
});
export type AgentView = ReturnType<typeof agentView>;

/** The answer to a registration and to a probe. */
export const probedView = (agent: AgentEntity) => ({
  agent_id: agent.id,
  status: agent.status,
  dialect: agent.dialect,
  report: reportOf(agent),
});
export type ProbedView = ReturnType<typeof probedView>;

export const reportView = (report: StoredReport) => ({
  passed: report.passed,
  dialect: report.dialect,
  protocol_version: report.protocolVersion,
  tools: report.tools,
  request_types: report.requestTypes,
  is_idempotent: report.isIdempotent,
  latency_ms: report.latencyMs,
  checks: report.checks,
});

const reportOf = ({ report, doubleText }: AgentEntity) => {
  if (report === null) return null;
  const mayAskTwice = doubleText === 'merge' && report.passed && !report.isIdempotent;
  return reportView(mayAskTwice ? { ...report, checks: [...report.checks, MERGE_WARNING] } : report);
};

/** The registrant's word counts, so this fails no probe. */
const MERGE_WARNING = {
  name: 'double_text',
  passed: false,
  detail: 'double_text "merge" may ask the agent the same thing twice, and the agent does not declare its chat idempotent.',
  fix: 'Declare it (MCP: idempotentHint of the tool "chat"; chat dialect: "idempotent": true in the answer to capability.query), or choose "coalesce".',
};
