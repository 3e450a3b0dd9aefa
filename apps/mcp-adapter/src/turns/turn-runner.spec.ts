import { Logger } from '@nestjs/common';
import { AgentFailure } from '../agents/agent-failure.js';
import type { AgentReply, TurnRequest } from '../agents/agent.js';
import type { AgentDirectory } from './agent-directory.js';
import type { HealthReports } from '../health/health-reports.js';
import { TurnRunner } from './turn-runner.js';
import type { ClaimedTurn, Completion } from './turn.js';
import type { TurnAnswer, TurnsRepository } from './turns.repository.js';

Logger.overrideLogger(false);

const text = (body: string, media: ClaimedTurn['texts'][number]['media'] = null) => ({
  id: `id of ${body}`,
  body,
  media,
  at: '2026-11-21T12:00:00Z',
  traceparent: null,
});
const claimed = (over: Partial<ClaimedTurn> = {}): ClaimedTurn => ({
  outcome: 'claimed',
  session_id: 's',
  turn_id: 't',
  lease_token: 'l',
  agent_id: 'a',
  account_id: 'x',
  attempt: 1,
  deadline: new Date(Date.now() + 30_000).toISOString(),
  superseded: null,
  handle: 'h',
  channel: 'sms',
  contact_id: 'c',
  phone: null,
  state: { kept: 1 },
  texts: [text('Hello')],
  history: [],
  ...over,
});

describe('TurnRunner', () => {
  let ask: (turn: TurnRequest, signal: AbortSignal) => Promise<AgentReply>;
  let draft: { message: string; session_state: Record<string, unknown> | null } | null;
  let completed: TurnAnswer[];
  let failed: { failure: { code: string; diagnosis: string }; pauseMs: number | null; counts: boolean }[];
  let outcomes: number;
  let failures: unknown[];
  const done = { outcome: 'answered', session_id: 's', turn_id: 't' } as Completion;
  const runner = new TurnRunner(
    {
      complete: async (_: ClaimedTurn, answer: TurnAnswer) => (completed.push(answer), done),
      fail: async (_: ClaimedTurn, failure: { code: string; diagnosis: string }, pauseMs: number | null, counts: boolean) => (
        failed.push({ failure, pauseMs, counts }),
        done
      ),
      readDraft: async () => draft,
    } as unknown as TurnsRepository,
    { ask: (_: string, turn: TurnRequest, signal: AbortSignal) => ask(turn, signal) } as unknown as AgentDirectory,
    { succeeded: () => (outcomes += 1), failed: (_: string, error: unknown) => failures.push(error) } as unknown as HealthReports,
  );
  beforeEach(() => {
    [completed, failed, failures, outcomes, draft] = [[], [], [], 0, null];
    ask = async () => ({ kind: 'text', message: 'Hi' });
  });
  const run = (turn = claimed()) => runner.run(turn, new AbortController().signal);
  const failing = (failure: Error) => {
    ask = () => Promise.reject(failure);
  };

  it('stores what the agent said, and leaves the state alone when it says nothing of it', async () => {
    expect(await run()).toBe(done);
    expect(completed).toMatchObject([
      {
        parts: [{ body: 'Hi', segments: 1, encoding: 'GSM-7' }],
        state: null,
        hops: [{ hop: 'claimed' }, { hop: 'called' }, { hop: 'answered' }],
      },
    ]);
    expect(outcomes).toBe(1);
  });

  it('merges what the agent says of the state', async () => {
    ask = async () => ({ kind: 'text', message: 'Hi', contextUpdate: { session_state: { kept: null, step: { n: 1 } } } });
    await run();
    expect(completed[0]!.state).toEqual({ step: { n: 1 } });
  });

  it('takes the draft of a built-in agent, and none is a failure that may pass', async () => {
    ask = async () => ({ kind: 'stored' });
    draft = { message: 'Drafted', session_state: { step: 2 } };
    await run();
    expect(completed).toMatchObject([{ parts: [{ body: 'Drafted' }], state: { kept: 1, step: 2 } }]);
    draft = null;
    await run();
    expect(failed).toMatchObject([{ failure: { code: 'agent_answer_invalid' }, counts: true }]);
    expect(failed[0]!.pauseMs).not.toBeNull();
  });

  it('asks for all texts at once, with their media where there is no word', async () => {
    let request!: TurnRequest;
    ask = async (turn) => ((request = turn), { kind: 'text', message: 'Hi' });
    await run(
      claimed({
        texts: [text('one'), text('', [{ url: 'https://m/1', contentType: 'image/png' }]), text('two', [{ url: 'https://m/2' }])],
      }),
    );
    expect(request).toMatchObject({
      message: 'one\n[image/png] https://m/1\ntwo',
      messageIds: ['id of one', 'id of ', 'id of two'],
      contactId: 'c',
    });
    await run(claimed({ phone: '+15551234567' }));
    expect(request.contactId).toBe('+15551234567');
  });

  it.each([
    ['the first time after about a second', 1, 'agent_timeout', 750, 1_250, true],
    ['the second time after about five', 2, 'agent_unreachable', 3_750, 6_250, true],
    ['an open breaker after about two, without an attempt', 1, 'agent_breaker_open', 1_500, 2_500, false],
    ['too many calls in flight like an open breaker', 3, 'agent_busy', 1_500, 2_500, false],
  ] as const)('asks again: %s', async (_, attempt, code, least, most, counts) => {
    failing(new AgentFailure(code, 'why'));
    for (let i = 0; i < 50; i += 1) await run(claimed({ attempt }));
    for (const { pauseMs, ...rest } of failed) {
      expect(rest).toEqual({ failure: { code, diagnosis: 'why' }, counts });
      expect(pauseMs).toBeGreaterThanOrEqual(least);
      expect(pauseMs).toBeLessThanOrEqual(most);
    }
    expect(new Set(failed.map(({ pauseMs }) => pauseMs)).size).toBeGreaterThan(10);
  });

  it.each(['agent_answer_invalid', 'agent_answer_too_large', 'agent_refused', 'agent_needs_input'] as const)(
    'does not ask again after %s',
    async (code) => {
      failing(new AgentFailure(code, 'why'));
      await run();
      expect(failed).toEqual([{ failure: { code, diagnosis: 'why' }, pauseMs: null, counts: true }]);
    },
  );

  it('tells of an agent’s failure at the first attempt of a turn only', async () => {
    const failure = new AgentFailure('agent_unreachable', 'why');
    failing(failure);
    for (const attempt of [1, 2, 3]) await run(claimed({ attempt }));
    expect(failures).toEqual([failure]);
  });

  it('a cancelled call ends without a word', async () => {
    failing(new AgentFailure('turn_cancelled', 'superseded'));
    expect(await run()).toBeNull();
    expect([completed, failed]).toEqual([[], []]);
  });

  it('a fault of ours is tried again, and its words stay with us', async () => {
    failing(new TypeError('secret of the code'));
    await run();
    expect(failed).toMatchObject([{ failure: { code: 'internal', diagnosis: 'The turn failed on our side.' }, counts: true }]);
  });

  it('never rejects: with the database away the lease runs out by itself', async () => {
    const away = () => Promise.reject(new Error('ECONNREFUSED'));
    const broken = new TurnRunner(
      { complete: away, fail: away } as unknown as TurnsRepository,
      { ask: async () => ({ kind: 'text', message: 'Hi' }) } as unknown as AgentDirectory,
      { succeeded: () => undefined } as unknown as HealthReports,
    );
    expect(await broken.run(claimed(), new AbortController().signal)).toBeNull();
  });
});
