import { DomainError } from '@darkspere/domain';
import type { AgentStatus } from './agent.entity.js';

/**
 * The status of an agent after its owner asked for one. `draining`: its sessions go on, new ones go elsewhere;
 * `active` ends that. Everything else is found out by probes and health, not declared.
 * Throws `DomainError('conflict')`.
 */
export const statusAfter = (current: AgentStatus, wanted: 'active' | 'draining'): AgentStatus => {
  switch (current) {
    case 'active':
    case 'degraded':
      return wanted === 'active' ? current : 'draining';
    case 'draining':
      return wanted;
    case 'pending':
      throw new DomainError(
        'conflict',
        'The agent has not passed its probe yet: POST /api/v1/agents/{id}/probe makes it active once it does.',
      );
    case 'offline':
      throw new DomainError('conflict', 'The agent is offline: it becomes active by itself when it answers again.');
    case 'retired':
      throw new DomainError('agent_not_found', 'There is no such agent.');
  }
};
