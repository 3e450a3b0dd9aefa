import { answerTurn } from '@darkspere/contracts';
import { DomainError } from '@darkspere/domain';
import { agentAt, failureOf, turn } from './agents.fixture.js';
import { BuiltinClient } from './builtin.client.js';

const agent = agentAt('builtin:engagement-agent', { dialect: 'builtin', credential: null });
const never = new AbortController().signal;

/** An RpcClient that records its calls and does with each what it is told. */
const rpc = (answer: () => Promise<unknown>) => {
  const calls: unknown[][] = [];
  return { calls, call: (...call: unknown[]) => (calls.push(call), answer()) };
};

const ask = (client: ReturnType<typeof rpc>, signal = never) => new BuiltinClient(client as never).ask(agent, turn(), signal);

describe('BuiltinClient', () => {
  it('sends the turn id and the trace, not the text, and leaves the reply in the database', async () => {
    const client = rpc(async () => ({ turnId: turn().turnId }));
    expect(await ask(client)).toEqual({ kind: 'stored' });
    expect(client.calls).toEqual([[answerTurn, { turnId: turn().turnId }, { signal: never, traceparent: turn().traceparent }]]);
  });

  it.each([
    ['rpc_timeout', 'agent_timeout'],
    ['rpc_unavailable', 'agent_unreachable'],
    ['internal', 'agent_error'],
  ])('fails on %s as %s', async (code, expected) => {
    const client = rpc(async () => Promise.reject(new DomainError(code, 'echo')));
    expect(await failureOf(ask(client))).toMatchObject({ code: expected, retryable: true });
  });

  it('fails as cancelled when the turn was cancelled, whatever the transport says', async () => {
    const client = rpc(async () => Promise.reject(new DomainError('rpc_timeout', 'echo')));
    expect(await failureOf(ask(client, AbortSignal.abort()))).toMatchObject({ code: 'turn_cancelled' });
  });
});
