import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { Sql } from '@darkspere/database';

/** Collects how long agents took, so that no turn ever writes to an agent's row. */
@Injectable()
export class CallOutcomes {
  private readonly logger = new Logger(CallOutcomes.name);
  private calls = new Map<string, { calls: number; totalMs: number }>();

  constructor(private readonly sql: Sql) {}

  add(agentId: string, ms: number): void {
    const known = this.calls.get(agentId) ?? { calls: 0, totalMs: 0 };
    this.calls.set(agentId, { calls: known.calls + 1, totalMs: known.totalMs + ms });
  }

  @Interval(5_000)
  async flush(): Promise<void> {
    if (this.calls.size === 0) return;
    const outcomes = [...this.calls].map(([agent_id, { calls, totalMs }]) => ({ agent_id, calls, mean_ms: Math.round(totalMs / calls) }));
    this.calls = new Map();
    await this.sql
      .value('registry.record_calls', [JSON.stringify(outcomes)])
      .catch((error: Error) => this.logger.warn(`call times were not stored: ${error.message}`));
  }
}
