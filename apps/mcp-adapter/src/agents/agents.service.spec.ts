import { jest } from '@jest/globals';
import { register } from 'prom-client';
import type { AgentEndpoint, AgentReply, AgentTransport } from './agent.js';
import { AgentFailure, type AgentFailureCode } from './agent-failure.js';
import { agentAt, failureOf, turn } from './agents.fixture.js';
import { AgentsService } from './agents.service.js';
import { MAX_IN_FLIGHT } from './agent-gate.js';

const reply: AgentReply = { kind: 'text', message: 'Hi there' };
const answers = async (): Promise<AgentReply> => reply;
const fails = (code: AgentFailureCode) => async (): Promise<AgentReply> => {
  throw new AgentFailure(code, 'It failed.');
};
const hangs = (_agent: AgentEndpoint, _turn: unknown, signal: AbortSignal) =>
  new Promise<AgentReply>((_, reject) => {
    signal.addEventListener('abort', () =>
      reject(new AgentFailure((signal.reason as Error).name === 'TimeoutError' ? 'agent_timeout' : 'turn_cancelled', 'It was aborted.')),
    );
  });

class FakeTransport implements AgentTransport {
  calls = 0;
  answering: AgentTransport['ask'] = answers;

  ask(...call: Parameters<AgentTransport['ask']>): Promise<AgentReply> {
    this.calls += 1;
    return this.answering(...call);
  }

  async tell(): Promise<boolean> {
    return true;
  }

  async check(): Promise<void> {}
}

describe('AgentsService', () => {
  let chat: FakeTransport;
  let mcp: FakeTransport;
  let builtin: FakeTransport;
  let agents: AgentsService;
  const never = new AbortController().signal;
  const agent = agentAt('https://agent.example/');
  const another = agentAt('https://another.example/', { agentId: 'another' });
  const ask = (signal: AbortSignal = never, whom = agent) => agents.ask(whom, turn(), signal);

  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate', 'performance'] });
    register.resetMetrics();
    [chat, mcp, builtin] = [new FakeTransport(), new FakeTransport(), new FakeTransport()];
    agents = new AgentsService(chat as never, mcp as never, builtin as never);
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('speaks the dialect of the agent', async () => {
    await ask(never, { ...agent, dialect: 'chat' });
    await ask(never, { ...agent, dialect: 'mcp' });
    await ask(never, { ...agent, dialect: 'builtin' });
    expect([chat.calls, mcp.calls, builtin.calls]).toEqual([1, 1, 1]);
  });

  it('does not ask an agent that no probe has understood', async () => {
    expect(await failureOf(ask(never, { ...agent, dialect: null }))).toMatchObject({ code: 'agent_error', retryable: false });
  });

  it('limits an attempt to 10 s', async () => {
    chat.answering = hangs;
    const failing = failureOf(ask());
    await jest.advanceTimersByTimeAsync(9_999);
    expect(jest.getTimerCount()).toBe(1);
    await jest.advanceTimersByTimeAsync(1);
    expect(await failing).toMatchObject({ code: 'agent_timeout', retryable: true });
  });

  it('leaves no timer behind an answer', async () => {
    await ask();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('passes the abort of a turn on', async () => {
    chat.answering = hangs;
    const cancel = new AbortController();
    const failing = failureOf(ask(cancel.signal));
    cancel.abort();
    expect(await failing).toMatchObject({ code: 'turn_cancelled', retryable: false });
  });

  it('lets what is no fault of an agent pass as it is', async () => {
    chat.answering = async () => Promise.reject(new TypeError('a bug'));
    await expect(ask()).rejects.toThrow(TypeError);
  });

  describe('the breaker of an agent', () => {
    const failTimes = async (times: number, code: AgentFailureCode = 'agent_error') => {
      chat.answering = fails(code);
      for (let i = 0; i < times; i += 1) await failureOf(ask());
    };

    it('opens after five failures in a row and spares the agent', async () => {
      await failTimes(5);
      expect(await failureOf(ask())).toMatchObject({ code: 'agent_breaker_open', retryable: false });
      expect(chat.calls).toBe(5);
    });

    it('stays closed when an answer comes between', async () => {
      await failTimes(4);
      chat.answering = answers;
      await ask();
      await failTimes(4);
      chat.answering = answers;
      expect(await ask()).toEqual(reply);
    });

    it('is not moved by cancelled calls', async () => {
      await failTimes(20, 'turn_cancelled');
      chat.answering = answers;
      expect(await ask()).toEqual(reply);
    });

    it("is the agent's own", async () => {
      await failTimes(5);
      chat.answering = answers;
      expect(await ask(never, another)).toEqual(reply);
    });

    it('lets one trial through after 5 s, refuses others meanwhile and closes when it succeeds', async () => {
      await failTimes(5);
      await jest.advanceTimersByTimeAsync(4_999);
      expect(await failureOf(ask())).toMatchObject({ code: 'agent_breaker_open' });
      await jest.advanceTimersByTimeAsync(1);
      let succeed: (value: AgentReply) => void = () => undefined;
      chat.answering = () => new Promise((resolve) => (succeed = resolve));
      const trial = ask();
      expect(await failureOf(ask())).toMatchObject({ code: 'agent_breaker_open' });
      expect(await failureOf(ask())).toMatchObject({ code: 'agent_breaker_open' });
      expect(chat.calls).toBe(6);
      succeed(reply);
      expect(await trial).toEqual(reply);
      chat.answering = answers;
      expect(await ask()).toEqual(reply);
    });

    it.each<AgentFailureCode>(['agent_error', 'turn_cancelled'])('opens again for 5 s when the trial ends as %s', async (code) => {
      await failTimes(5);
      await jest.advanceTimersByTimeAsync(5_000);
      await failTimes(1, code);
      expect(await failureOf(ask())).toMatchObject({ code: 'agent_breaker_open' });
      await jest.advanceTimersByTimeAsync(5_000);
      chat.answering = answers;
      expect(await ask()).toEqual(reply);
    });
  });

  it('lets a hanging agent hold so many calls and no more', async () => {
    chat.answering = hangs;
    const cancel = new AbortController();
    const hanging = Array.from({ length: MAX_IN_FLIGHT }, () => failureOf(ask(cancel.signal)));
    expect(await failureOf(ask())).toMatchObject({ code: 'agent_busy', retryable: true });
    chat.answering = answers;
    expect(await ask(never, another)).toEqual(reply);
    cancel.abort();
    await Promise.all(hanging);
    expect(await ask()).toEqual(reply);
  });

  it('measures each attempt by dialect and outcome', async () => {
    await ask();
    chat.answering = fails('agent_timeout');
    await failureOf(ask());
    const text = await register.getSingleMetricAsString('darkspere_agent_call_seconds');
    expect(text).toMatch(/_count\{dialect="chat",outcome="answered"\} 1/);
    expect(text).toMatch(/_count\{dialect="chat",outcome="agent_timeout"\} 1/);
  });
});
