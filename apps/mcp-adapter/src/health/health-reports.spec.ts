import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { AgentFailure } from '../agents/agent-failure.js';
import type { FailoverService } from './failover.service.js';
import { HealthReports } from './health-reports.js';
import type { HealthChange, HealthReport, HealthRepository } from './health.repository.js';

Logger.overrideLogger(false);

const down = new AgentFailure('agent_unreachable', 'No connection.');
const nonsense = new AgentFailure('agent_answer_invalid', 'Not JSON.');

describe('HealthReports', () => {
  let stored: HealthReport[][];
  let record: (reports: HealthReport[]) => Promise<HealthChange[]>;
  let followed: HealthChange[];
  let reports: HealthReports;
  beforeEach(() => {
    jest.useFakeTimers();
    [stored, followed] = [[], []];
    record = async () => [];
    reports = new HealthReports(
      { record: (some: HealthReport[]) => (stored.push(some), record(some)) } as unknown as HealthRepository,
      { follow: async (change: HealthChange) => void followed.push(change) } as unknown as FailoverService,
    );
  });
  afterEach(() => jest.useRealTimers());

  it('tells of many outcomes in one report an agent', async () => {
    for (const ms of [100, 200, 300]) reports.succeeded('a', ms, 'call');
    reports.succeeded('b', 50, 'call');
    await reports.flush();
    expect(stored).toEqual([
      [
        { agent_id: 'a', successes: 3, failures: 0, latency_ms: 200, last_is_failure: false, in_row: 3 },
        { agent_id: 'b', successes: 1, failures: 0, latency_ms: 50, last_is_failure: false, in_row: 1 },
      ],
    ]);
    await reports.flush();
    expect(stored).toHaveLength(1);
  });

  it('says how many of the last outcomes were alike, and why the last one failed', async () => {
    reports.failed('a', down, 'call');
    reports.succeeded('a', 100, 'call');
    reports.failed('a', down, 'call');
    reports.failed('a', down, 'call');
    await reports.flush();
    expect(stored[0]).toMatchObject([
      { successes: 1, failures: 3, last_is_failure: true, in_row: 2, failure: { code: 'agent_unreachable', diagnosis: 'No connection.' } },
    ]);
  });

  it('a failure is told of at once, successes every 5 s', async () => {
    reports.succeeded('a', 100, 'call');
    await jest.advanceTimersByTimeAsync(1_000);
    expect(stored).toEqual([]);
    reports.failed('a', down, 'call');
    await jest.advanceTimersByTimeAsync(50);
    expect(stored).toHaveLength(1);
  });

  it('an answer that makes no sense counts as a failure of an agent that lives', async () => {
    reports.failed('a', nonsense, 'call');
    await reports.flush();
    expect(stored[0]).toMatchObject([{ failures: 1, last_is_failure: false }]);
  });

  it.each(['agent_busy', 'agent_breaker_open', 'turn_cancelled'] as const)('%s says nothing about the agent', async (code) => {
    reports.failed('a', new AgentFailure(code, ''), 'call');
    reports.failed('a', new Error('ours'), 'call');
    await reports.flush();
    expect(stored).toEqual([]);
  });

  it('tells of calls and of probes apart', async () => {
    reports.failed('a', down, 'call');
    reports.succeeded('a', 5, 'probe');
    await reports.flush();
    expect(stored).toMatchObject([[{ failures: 1, successes: 0 }], [{ failures: 0, successes: 1 }]]);
  });

  it('acts on what has changed, and goes on when the database was away', async () => {
    record = () => Promise.reject(new Error('away'));
    reports.failed('a', down, 'call');
    await reports.flush();
    const change = { agent_id: 'a', account_id: 'x', from: 'active', to: 'offline' } as const;
    record = async () => [change];
    reports.failed('a', down, 'call');
    await reports.flush();
    expect(followed).toEqual([change]);
  });
});
