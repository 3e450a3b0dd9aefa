import { Injectable } from '@nestjs/common';
import { Sql } from '@darkspere/database';
import type { Alert } from '@darkspere/platform';

/** What calls and probes said of an agent since the last report; see `registry.record_health`. */
export interface HealthReport {
  agent_id: string;
  successes: number;
  failures: number;
  /** Mean of the successes. */
  latency_ms: number;
  last_is_failure: boolean;
  in_row: number;
  failure?: { code: string; diagnosis: string };
}

export interface HealthChange {
  agent_id: string;
  account_id: string;
  from: string;
  /** `dead`: a draining agent that no longer answers. */
  to: 'active' | 'degraded' | 'offline' | 'dead';
}

@Injectable()
export class HealthRepository {
  constructor(private readonly sql: Sql) {}

  claimProbes(limit: number): Promise<string[]> {
    return this.sql.values('registry.claim_probes', [limit, new Date()]);
  }

  record(reports: HealthReport[], areProbes: boolean): Promise<HealthChange[]> {
    return this.sql.values('registry.record_health', [JSON.stringify(reports), areProbes, new Date()]);
  }

  /** The sessions to look at, and how many moved at all. */
  failOver(agentId: string): Promise<{ moved: number; left: number; rings: string[] }> {
    return this.sql.value('routing.fail_over', [agentId, new Date()]);
  }

  raiseAlert(accountId: string, kind: string, severity: Alert['severity'], subject: string, details: object): Promise<Alert> {
    return this.sql.value('analytics.raise_alert', [accountId, kind, severity, subject, JSON.stringify(details), new Date()]);
  }

  resolveAlert(accountId: string, kind: string, subject: string): Promise<void> {
    return this.sql.value('analytics.resolve_alert', [accountId, kind, subject, new Date()]);
  }
}
