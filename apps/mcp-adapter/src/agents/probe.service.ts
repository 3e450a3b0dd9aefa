import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { ProbeReport } from '@darkspere/contracts';
import { DomainError } from '@darkspere/domain';
import { Egress } from '@darkspere/platform';
import type { AgentEndpoint } from './agent.js';
import { ChatProbe, testTurn } from './chat.probe.js';
import { McpProbe } from './mcp.probe.js';
import { failedCheck, failedReport, passedCheck } from './probe-report.js';
import { withinLimit } from './within-limit.js';

/** Less than the 20 s that a caller of `probeAgent` waits. */
const PROBE_LIMIT_MS = 15_000;

/** Finds out which dialect an agent speaks and what a developer has to fix. An agent's fault is a report, not an error. */
@Injectable()
export class ProbeService {
  constructor(
    private readonly egress: Egress,
    private readonly mcp: McpProbe,
    private readonly chat: ChatProbe,
  ) {}

  probe(agent: AgentEndpoint): Promise<ProbeReport> {
    if (agent.dialect === 'builtin') return Promise.resolve(BUILTIN);
    return withinLimit(PROBE_LIMIT_MS, new AbortController().signal, (signal) => this.examine(agent, signal));
  }

  private async examine(agent: AgentEndpoint, signal: AbortSignal): Promise<ProbeReport> {
    const refusal = await this.refusalOf(agent.endpointUrl);
    if (refusal !== null) return refusal;
    const dialects = agent.dialect === null ? (['mcp', 'chat'] as const) : ([agent.dialect] as const);
    let report = failedReport([]);
    for (const dialect of dialects) {
      const next =
        dialect === 'mcp' ? await this.mcp.probe(agent, signal) : await this.chat.probe(agent, signal, testTurn(randomUUID(), new Date()));
      // A dialect that answered is the agent's, passed or not; of those that did not, every check helps to see why.
      if (next.dialect !== null) return next;
      report = failedReport([...report.checks, ...next.checks]);
    }
    return report;
  }

  private async refusalOf(endpointUrl: string): Promise<ProbeReport | null> {
    try {
      await this.egress.check(endpointUrl);
      return null;
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      return failedReport([failedCheck('endpoint', error.message, 'Use an https URL at a public address.')]);
    }
  }
}

/** The team is part of this installation: it comes and goes with it, and live turns tell its health. */
const BUILTIN: ProbeReport = {
  ...failedReport([passedCheck('builtin', 'The agent is part of this installation.')]),
  passed: true,
  dialect: 'builtin',
  isIdempotent: true,
};
