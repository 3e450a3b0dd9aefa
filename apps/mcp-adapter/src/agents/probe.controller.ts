import { Controller } from '@nestjs/common';
import { probeAgent, type InputOf, type ProbeReport } from '@darkspere/contracts';
import { Handles } from '@darkspere/transport';
import { AgentsRepository } from './agents.repository.js';
import { ProbeService } from './probe.service.js';

@Controller()
export class ProbeController {
  constructor(
    private readonly agents: AgentsRepository,
    private readonly probes: ProbeService,
  ) {}

  @Handles(probeAgent)
  async probe({ agentId }: InputOf<typeof probeAgent>): Promise<ProbeReport> {
    return this.probes.probe(await this.agents.find(agentId));
  }
}
