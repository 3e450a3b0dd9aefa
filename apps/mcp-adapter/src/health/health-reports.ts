import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { AgentFailure, type AgentFailureCode } from '../agents/agent-failure.js';
import { FailoverService } from './failover.service.js';
import { HealthRepository, type HealthReport } from './health.repository.js';

/** Failures in a row are told of so soon: two of them take an agent off. */
const URGENT_MS = 50;
/** Says nothing about the agent: we did not ask it, or did not wait. */
const SILENT: ReadonlySet<AgentFailureCode> = new Set(['agent_busy', 'agent_breaker_open', 'turn_cancelled']);

export type Source = 'call' | 'probe';

/** Collects what calls and probes said of agents, so that no turn writes to an agent's row. */
@Injectable()
export class HealthReports {
  private readonly logger = new Logger(HealthReports.name);
  private reports: Record<Source, Map<string, HealthReport>> = { call: new Map(), probe: new Map() };
  private urgent?: NodeJS.Timeout;
  private storing: Promise<void> = Promise.resolve();

  constructor(
    private readonly health: HealthRepository,
    private readonly failover: FailoverService,
  ) {}

  succeeded(agentId: string, ms: number, source: Source): void {
    const report = this.count(agentId, false, source);
    report.successes += 1;
    report.latency_ms += (ms - report.latency_ms) / report.successes;
  }

  /** Anything but an `AgentFailure` is our own fault. */
  failed(agentId: string, error: unknown, source: Source): void {
    if (!(error instanceof AgentFailure) || SILENT.has(error.code)) return;
    const report = this.count(agentId, error.isDown, source);
    report.failures += 1;
    report.failure = { code: error.code, diagnosis: error.message };
    if (report.last_is_failure) this.urgent ??= setTimeout(() => void this.flush(), URGENT_MS);
  }

  /** Resolves when everything that was reported before is stored and acted upon. Never rejects. */
  @Interval(5_000)
  flush(): Promise<void> {
    clearTimeout(this.urgent);
    this.urgent = undefined;
    // One after the other: what came later counts as later.
    this.storing = this.storing.then(async () => {
      await this.store('call');
      await this.store('probe');
    });
    return this.storing;
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.flush();
  }

  private async store(source: Source): Promise<void> {
    const reports = [...this.reports[source].values()];
    if (reports.length === 0) return;
    this.reports[source] = new Map();
    try {
      for (const change of await this.health.record(reports, source === 'probe')) await this.failover.follow(change);
    } catch (error) {
      this.logger.warn(`the health of ${reports.length} agents was not stored: ${(error as Error).message}`);
    }
  }

  private count(agentId: string, isDown: boolean, source: Source): HealthReport {
    const report = this.reports[source].get(agentId) ?? {
      agent_id: agentId,
      successes: 0,
      failures: 0,
      latency_ms: 0,
      last_is_failure: isDown,
      in_row: 0,
    };
    report.in_row = report.last_is_failure === isDown ? report.in_row + 1 : 1;
    report.last_is_failure = isDown;
    this.reports[source].set(agentId, report);
    return report;
  }
}
