import { agentView, probedView } from './agent-view.js';
import { anAgent, failedReport, passedReport } from './agents.fixture.js';

const warnings = (agent: Parameters<typeof probedView>[0]) =>
  probedView(agent).report?.checks.filter(({ name }) => name === 'double_text') ?? [];

describe('agentView', () => {
  it('shows that there is a credential and nothing of it, nor what a connection may reuse', () => {
    const text = JSON.stringify(agentView(anAgent()));
    expect(agentView(anAgent()).has_api_key).toBe(true);
    expect(text).not.toContain('sealed');
    expect(text).not.toContain('secretish');
    expect(text).not.toContain('account');
  });

  it('speaks snake_case throughout the report', () => {
    expect(agentView(anAgent()).report).toEqual({
      passed: true,
      dialect: 'mcp',
      protocol_version: '2026-07-28',
      tools: ['chat'],
      request_types: [],
      is_idempotent: false,
      latency_ms: 12,
      checks: [{ name: 'mcp.connect', passed: true, detail: 'The agent speaks MCP 2026-07-28.' }],
    });
  });
});

describe('the warning about merge', () => {
  it('is given for an agent that does not declare its chat idempotent', () => {
    expect(warnings(anAgent({ doubleText: 'merge' }))).toEqual([
      expect.objectContaining({ passed: false, fix: expect.stringContaining('coalesce') }),
    ]);
    expect(probedView(anAgent({ doubleText: 'merge' })).report?.passed).toBe(true);
  });

  it.each([
    ['coalesces', anAgent({ doubleText: 'coalesce' })],
    ['declares it', anAgent({ doubleText: 'merge', report: passedReport({ isIdempotent: true }) })],
    ['has not passed', anAgent({ doubleText: 'merge', report: failedReport() })],
    ['has no report yet', anAgent({ doubleText: 'merge', report: null })],
  ])('is not given for one that %s', (_, agent) => {
    expect(warnings(agent)).toEqual([]);
  });
});
