import type { Dialect } from '@darkspere/contracts';
import { Histogram } from 'prom-client';
import type { AgentFailureCode } from './agent-failure.js';

export const agentCallSeconds = new Histogram<'dialect' | 'outcome'>({
  name: 'darkspere_agent_call_seconds',
  help: 'Time of one attempt to get an answer from an agent, by what came of it.',
  labelNames: ['dialect', 'outcome'],
  buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
});

export const observeAgentCall = (dialect: Dialect | null, outcome: 'answered' | 'internal' | AgentFailureCode, startedAt: number): void =>
  agentCallSeconds.observe({ dialect: dialect ?? 'none', outcome }, (performance.now() - startedAt) / 1_000);
