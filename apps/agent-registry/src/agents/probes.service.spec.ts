import type { ProbeReport } from '@darkspere/contracts';
import { DomainError } from '@darkspere/domain';
import type { RpcClient } from '@darkspere/transport';
import { anAgent, passedReport } from './agents.fixture.js';
import type { AgentsRepository, NewAgent } from './agents.repository.js';
import { ProbesService } from './probes.service.js';

const SECRET = 'sk_live_0123456789';

const probesThat = (answer: () => Promise<ProbeReport>) => {
  const rows: NewAgent[] = [];
  const agents = {
    credentialOf: () => SECRET,
    add: async (agent: NewAgent) => {
      rows.push(agent);
      return anAgent({ id: 'trial' });
    },
    remove: async (id: string) => {
      expect(id).toBe('trial');
      rows.pop();
    },
  };
  const asked: string[] = [];
  const during: NewAgent[][] = [];
  const rpc = {
    call: async (_: unknown, { agentId }: { agentId: string }) => {
      asked.push(agentId);
      during.push([...rows]);
      return answer();
    },
  };
  return { probes: new ProbesService(rpc as unknown as RpcClient, agents as unknown as AgentsRepository), asked, rows, during };
};

describe('ProbesService', () => {
  it('gives a report without the credential', async () => {
    const { probes } = probesThat(async () => passedReport({ tools: [`echo ${SECRET}`] }));
    expect((await probes.probe(anAgent())).tools).toEqual(['echo …']);
  });

  it.each(['rpc_unavailable', 'rpc_timeout', 'internal'])('an adapter that fails with %s leaves the agent unjudged', async (code) => {
    const { probes } = probesThat(async () => {
      throw new DomainError(code, 'no');
    });
    await expect(probes.probe(anAgent())).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('a bug is not mistaken for an outage', async () => {
    const { probes } = probesThat(async () => {
      throw new TypeError('bug');
    });
    await expect(probes.probe(anAgent())).rejects.toThrow(TypeError);
  });

  const other = { endpointUrl: 'https://other.example.com/', credential: 'k', dialect: null };

  it('tries another connection as a retired row of its own, which is gone afterwards', async () => {
    const { probes, asked, rows, during } = probesThat(async () => passedReport());
    await probes.tryOut(anAgent(), other);
    expect(asked).toEqual(['trial']);
    expect(during).toEqual([[expect.objectContaining({ ...other, status: 'retired', accountId: anAgent().accountId })]]);
    expect(rows).toEqual([]);
  });

  it('removes the row of a trial that could not be made', async () => {
    const { probes, rows } = probesThat(async () => {
      throw new DomainError('rpc_timeout', 'no');
    });
    await expect(probes.tryOut(anAgent(), other)).rejects.toMatchObject({ code: 'unavailable' });
    expect(rows).toEqual([]);
  });
});
