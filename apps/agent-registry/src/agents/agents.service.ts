import { Injectable } from '@nestjs/common';
import { DomainError } from '@darkspere/domain';
import { Egress } from '@darkspere/platform';
import type { Page } from '../request.schemas.js';
import { statusAfter } from './agent-status.js';
import { agentView, probedView, reportView, type AgentView, type ProbedView } from './agent-view.js';
import type { AgentEntity } from './agent.entity.js';
import { AgentsRepository, type AgentFields, type Connection } from './agents.repository.js';
import type { PatchAgent, RegisterAgent } from './agents.schemas.js';
import { connectionAfter } from './connection-change.js';
import { unprobed } from './probe-report.js';
import { ProbesService } from './probes.service.js';

/** The agents of an account. An id that is not its own is unknown: `DomainError('agent_not_found')`. */
@Injectable()
export class AgentsService {
  constructor(
    private readonly agents: AgentsRepository,
    private readonly probes: ProbesService,
    private readonly egress: Egress,
  ) {}

  /** Refuses an endpoint that may not be (`endpoint_refused`) and stores any other; only one that passes its probe is active. */
  async register(accountId: string, wanted: RegisterAgent): Promise<ProbedView> {
    const endpointUrl = await this.permitted(wanted.endpoint_url);
    const agent = await this.agents.add({
      accountId,
      endpointUrl,
      agentName: wanted.agent_name,
      credential: wanted.api_key,
      dialect: wanted.dialect,
      pool: wanted.pool,
      maxConcurrentSessions: wanted.max_concurrent_sessions,
      doubleText: wanted.double_text,
      hasPhoneGrant: wanted.phone_number_grant,
    });
    const report = await this.probes.probe(agent).catch((error: unknown) => {
      if (error instanceof DomainError) return unprobed();
      throw error;
    });
    await this.agents.saveReport(agent, report);
    return probedView(await this.agents.get(accountId, agent.id));
  }

  async list(accountId: string, page: Page): Promise<{ agents: AgentView[] }> {
    return { agents: (await this.agents.page(accountId, page)).map(agentView) };
  }

  async get(accountId: string, id: string): Promise<AgentView> {
    return agentView(await this.agents.get(accountId, id));
  }

  async probe(accountId: string, id: string): Promise<ProbedView> {
    const agent = await this.agents.get(accountId, id);
    await this.agents.saveReport(agent, await this.probes.probe(agent));
    return probedView(await this.agents.get(accountId, id));
  }

  /** Another connection is in force only after it has passed a probe: `agent_probe_failed` otherwise, with the report. */
  async change(accountId: string, id: string, patch: PatchAgent): Promise<AgentView> {
    const agent = await this.agents.get(accountId, id);
    const endpointUrl = patch.endpoint_url === undefined ? undefined : await this.permitted(patch.endpoint_url);
    const connection = connectionAfter(agent, patch, endpointUrl, () => this.agents.credentialOf(agent));
    const fields = fieldsOf(agent, patch, connection);
    const isDone = connection === null ? await this.agents.change(agent, fields) : await this.reconnect(agent, connection, fields);
    if (!isDone) throw new DomainError('conflict', 'The agent was changed by somebody else meanwhile; read it and try again.');
    return this.get(accountId, id);
  }

  /** Its sessions move on at their next turn, by routing's own rule. */
  async retire(accountId: string, id: string): Promise<void> {
    const agent = await this.agents.get(accountId, id);
    if (agent.dialect === 'builtin')
      throw new DomainError('conflict', 'The built-in team cannot be deleted; PATCH its status to "draining" instead.');
    await this.agents.retire(agent);
  }

  private async reconnect(agent: AgentEntity, connection: Connection, fields: AgentFields): Promise<boolean> {
    if (agent.dialect === 'builtin') throw new DomainError('conflict', 'The built-in team has no endpoint, key or dialect to change.');
    const report = await this.probes.tryOut(agent, connection);
    if (!report.passed) {
      throw new DomainError('agent_probe_failed', 'The changed agent did not pass its probe; it stays as it was. See the report.', {
        report: reportView(report),
      });
    }
    return this.agents.reconnect(agent, connection, report, fields);
  }

  /** The endpoint in its canonical form. */
  private async permitted(endpoint: string): Promise<string> {
    await this.egress.check(endpoint);
    return this.egress.parse(endpoint).href;
  }
}

const fieldsOf = (agent: AgentEntity, patch: PatchAgent, connection: Connection | null): AgentFields => {
  const current = connection !== null && agent.status === 'pending' ? 'active' : agent.status;
  // Real numbers were granted to whoever is at that endpoint: elsewhere an admin has to say so again.
  const isElsewhere = connection !== null && connection.endpointUrl !== agent.endpointUrl;
  const fields: AgentFields = {
    agentName: patch.agent_name,
    maxConcurrentSessions: patch.max_concurrent_sessions,
    pool: patch.pool,
    doubleText: patch.double_text,
    hasPhoneGrant: patch.phone_number_grant ?? (isElsewhere ? false : undefined),
    status: patch.status && statusAfter(current, patch.status),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
};
