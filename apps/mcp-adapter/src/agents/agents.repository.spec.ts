import { AgentsRepository } from './agents.repository.js';

const agentId = '0192f0c1-0000-7000-8000-0000000000aa';
const row = {
  agent_id: agentId,
  account_id: '0192f0c1-0000-7000-8000-0000000000bb',
  dialect: 'chat',
  endpoint_url: 'https://agent.example/',
  credential_ciphertext: 'sealed',
  request_types: ['chat.request'],
  prior: null,
};

/** A database that has one row for the agent (or null) and a box whose key fits that agent only. */
const repository = (published: unknown) => {
  const sql = {
    value: async (name: string, args: unknown[]) => (name === 'registry.agent_endpoint' && args[0] === agentId ? published : null),
  };
  const secrets = { open: (sealed: string, aad: string) => `${sealed} for ${aad}` };
  return new AgentsRepository(sql as never, secrets as never);
};

describe('AgentsRepository', () => {
  it('opens the credential for this agent and no other', async () => {
    expect(await repository(row).find(agentId)).toEqual({
      agentId,
      dialect: 'chat',
      endpointUrl: 'https://agent.example/',
      credential: `sealed for registry.agent_registry|${agentId}`,
      requestTypes: ['chat.request'],
      prior: null,
    });
  });

  it('finds an agent without a credential', async () => {
    expect(await repository({ ...row, credential_ciphertext: null }).find(agentId)).toMatchObject({ credential: null });
  });

  it('says so when there is no such agent', async () => {
    await expect(repository(null).find(agentId)).rejects.toMatchObject({ code: 'agent_not_found' });
  });
});
