import { Injectable } from '@nestjs/common';
import type { Dialect } from '@darkspere/contracts';
import { Sql } from '@darkspere/database';
import { DomainError } from '@darkspere/domain';
import { SecretBox } from '@darkspere/platform';
import type { AgentEndpoint } from './agent.js';

/** What `registry.agent_endpoint` publishes. */
interface EndpointRow {
  agent_id: string;
  account_id: string;
  dialect: Dialect | null;
  endpoint_url: string;
  credential_ciphertext: string | null;
  request_types: string[];
  prior: unknown;
}

@Injectable()
export class AgentsRepository {
  constructor(
    private readonly sql: Sql,
    private readonly secrets: SecretBox,
  ) {}

  /** Throws `DomainError('agent_not_found')`. */
  async find(agentId: string): Promise<AgentEndpoint> {
    const row = await this.sql.value<EndpointRow | null>('registry.agent_endpoint', [agentId]);
    if (row === null) throw new DomainError('agent_not_found', 'There is no such agent.');
    return {
      agentId: row.agent_id,
      dialect: row.dialect,
      endpointUrl: row.endpoint_url,
      credential:
        row.credential_ciphertext === null ? null : this.secrets.open(row.credential_ciphertext, `registry.agent_registry|${row.agent_id}`),
      requestTypes: row.request_types,
      prior: row.prior,
    };
  }
}
