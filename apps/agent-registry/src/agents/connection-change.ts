import type { AgentEntity } from './agent.entity.js';
import type { Connection } from './agents.repository.js';
import type { PatchAgent } from './agents.schemas.js';

/**
 * How the agent would be reached after the patch, or null when that stays as it is. `endpointUrl` is the patch's,
 * canonical; `credential` opens the present one. Another endpoint may speak another dialect.
 */
export const connectionAfter = (
  agent: AgentEntity,
  { api_key, dialect }: PatchAgent,
  endpointUrl: string | undefined,
  credential: () => string | null,
): Connection | null => {
  const isElsewhere = endpointUrl !== undefined && endpointUrl !== agent.endpointUrl;
  const isRedialed = dialect !== undefined && dialect !== agent.dialect;
  if (!isElsewhere && !isRedialed && api_key === undefined) return null;
  const inherited = isElsewhere ? null : agent.dialect;
  return {
    endpointUrl: endpointUrl ?? agent.endpointUrl,
    credential: api_key === undefined ? credential() : api_key,
    dialect: dialect === undefined ? inherited : dialect,
  };
};
