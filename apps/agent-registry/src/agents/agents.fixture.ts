import type { ProbeReport } from '@darkspere/contracts';
import type { AgentEntity } from './agent.entity.js';

export const passedReport = (changes: Partial<ProbeReport> = {}): ProbeReport => ({
  passed: true,
  dialect: 'mcp',
  protocolVersion: '2026-07-28',
  tools: ['chat'],
  requestTypes: [],
  isIdempotent: false,
  latencyMs: 12,
  checks: [{ name: 'mcp.connect', passed: true, detail: 'The agent speaks MCP 2026-07-28.' }],
  ...changes,
});

export const failedReport = (changes: Partial<ProbeReport> = {}): ProbeReport => ({
  ...passedReport(),
  passed: false,
  dialect: null,
  protocolVersion: null,
  tools: [],
  latencyMs: null,
  checks: [{ name: 'mcp.connect', passed: false, detail: 'Nobody answers.', fix: 'Start the agent.' }],
  ...changes,
});

export const anAgent = (changes: Partial<AgentEntity> = {}): AgentEntity => ({
  id: '0199f0c4-0000-7000-8000-000000000001',
  accountId: '0199f0c4-0000-7000-8000-00000000000a',
  agentName: 'Support',
  endpointUrl: 'https://agent.example.com/mcp',
  dialect: 'mcp',
  pool: null,
  status: 'active',
  credentialCiphertext: 'v1.k.sealed',
  maxConcurrentSessions: 100,
  doubleText: 'coalesce',
  hasPhoneGrant: false,
  healthScore: 100,
  avgResponseTimeMs: 0,
  requestTypes: [],
  tools: ['chat'],
  prior: { secretish: true },
  report: passedReport(),
  createdAt: new Date('2026-11-21T10:00:00Z'),
  updatedAt: new Date('2026-11-21T10:00:00Z'),
  ...changes,
});
