import { Global, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Sql } from '@darkspere/database';
import { Egress, SecretBox } from '@darkspere/platform';
import { RpcClient } from '@darkspere/transport';
import { AgentsModule } from './agents.module.js';
import { AgentsService } from './agents.service.js';
import { ProbeController } from './probe.controller.js';

const agentId = '0192f0c1-0000-7000-8000-0000000000aa';
const row = {
  agent_id: agentId,
  dialect: 'builtin',
  endpoint_url: 'builtin:engagement-agent',
  credential_ciphertext: null,
  request_types: [],
  prior: null,
};

const outside = [
  { provide: Egress, useValue: new Egress('') },
  { provide: SecretBox, useValue: {} },
  { provide: RpcClient, useValue: {} },
  { provide: Sql, useValue: { value: async () => row } },
];

@Global()
@Module({ providers: outside, exports: outside.map(({ provide }) => provide) })
class Outside {}

describe('AgentsModule', () => {
  it('needs only what platform, database and transport provide', async () => {
    const app = await Test.createTestingModule({ imports: [Outside, AgentsModule] }).compile();
    expect(app.get(AgentsService)).toBeInstanceOf(AgentsService);
    expect(await app.get(ProbeController, { strict: false }).probe({ agentId })).toMatchObject({ passed: true, dialect: 'builtin' });
    await app.close();
  });
});
