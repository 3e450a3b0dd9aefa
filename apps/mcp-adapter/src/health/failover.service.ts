import { Injectable, Logger } from '@nestjs/common';
import { turnRung } from '@darkspere/contracts';
import { Alerts } from '@darkspere/platform';
import { EventBus } from '@darkspere/transport';
import { HealthRepository, type HealthChange } from './health.repository.js';

/** Acts on what health has decided: moves the sessions of a dead agent, and tells people. */
@Injectable()
export class FailoverService {
  private readonly logger = new Logger(FailoverService.name);

  constructor(
    private readonly health: HealthRepository,
    private readonly alerts: Alerts,
    private readonly events: EventBus,
  ) {}

  /** Never rejects: sessions that were not moved here are moved by their next claims. */
  async follow(change: HealthChange): Promise<void> {
    this.logger.warn(`agent ${change.agent_id} was ${change.from} and is ${change.to}`);
    await this.act(change).catch((error: Error) => this.logger.warn(`nothing followed for agent ${change.agent_id}: ${error.message}`));
  }

  private async act({ agent_id: agentId, account_id: accountId, from, to }: HealthChange): Promise<void> {
    if (to !== 'offline' && to !== 'dead') {
      if (from === 'offline') await this.health.resolveAlert(accountId, 'agent_offline', agentId);
      return;
    }
    const { moved, left, rings } = await this.health.failOver(agentId);
    // Without a ring the sweeper finds the texts within about a second.
    if (rings.length > 0) {
      await this.events
        .emit(turnRung, { rings: rings.map((sessionId) => ({ sessionId, leaseToken: null })) })
        .catch((error: Error) => this.logger.warn(`the doorbell is silent: ${error.message}`));
    }
    if (to === 'dead') return;
    this.alerts.announce(await this.health.raiseAlert(accountId, 'agent_offline', 'critical', agentId, { moved, left }));
  }
}
