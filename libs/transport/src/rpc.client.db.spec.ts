import { contract, type InputOf, type OutputOf } from '@darkspere/contracts';
import { DomainError } from '@darkspere/domain';
import { Controller } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { z } from 'zod';
import { Handles } from './handlers.decorator.js';
import { requestStream } from './keys.js';
import type { StreamContext } from './stream-context.js';
import { eventually, Rig, uniqueService } from './transport.fixture.js';

const service = uniqueService();
const debit = contract({
  name: `${service}.debit`,
  input: z.object({ account: z.string(), amount: z.int().positive() }),
  output: z.object({ remaining: z.int() }),
});
const slow = contract({ name: `${service}.sleep`, input: z.object({ ms: z.int() }), output: z.null() });
const trace = contract({
  name: `${service}.trace`,
  input: z.null(),
  output: z.object({ traceparent: z.string().optional(), isInTime: z.boolean() }),
});
const absent = contract({ name: `${service}.absent`, input: z.null(), output: z.null() });

@Controller()
class BankController {
  sleeps = 0;

  @Handles(debit)
  async debit({ account, amount }: InputOf<typeof debit>): Promise<OutputOf<typeof debit>> {
    if (account === 'empty') throw new DomainError('insufficient_credits', 'Nothing left', { missing: amount });
    if (account === 'bug') throw new Error('password=hunter2');
    if (account === 'liar') return { remaining: 'lots' as unknown as number };
    return { remaining: 100 - amount, secret: 'not in the contract' } as OutputOf<typeof debit>;
  }

  @Handles(slow)
  async sleep({ ms }: InputOf<typeof slow>) {
    this.sleeps++;
    await new Promise((resolve) => setTimeout(resolve, ms));
    return null;
  }

  @Handles(trace)
  trace(_: null, { traceparent, deadline }: StreamContext): OutputOf<typeof trace> {
    return { traceparent, isInTime: deadline! > Date.now() };
  }
}

describe('RpcClient', () => {
  const rig = new Rig();
  const { rpc } = rig.sender();
  let bank: BankController;
  beforeAll(async () => {
    const module = await Test.createTestingModule({ controllers: [BankController] }).compile();
    const app = rig.keep(module.createNestMicroservice({ strategy: rig.server(service), logger: false }), (it) => it.close());
    await app.listen();
    bank = app.get(BankController);
  });
  afterAll(() => rig.close());

  it('gets what the contract promises and nothing else', async () => {
    expect(await rpc.call(debit, { account: 'a', amount: 1 })).toEqual({ remaining: 99 });
  });

  it('keeps concurrent answers apart', async () => {
    const amounts = Array.from({ length: 200 }, (_, i) => i + 1);
    const answers = await Promise.all(amounts.map((amount) => rpc.call(debit, { account: 'a', amount })));
    expect(answers.map(({ remaining }) => 100 - remaining)).toEqual(amounts);
  });

  it("throws the handler's DomainError with code, message and details", async () => {
    const error = await rpc.call(debit, { account: 'empty', amount: 7 }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(DomainError);
    expect(error).toMatchObject({ code: 'insufficient_credits', message: 'Nothing left', details: { missing: 7 } });
  });

  it('hears `internal` of an unknown error, and nothing of its text', async () => {
    const error = await rpc.call(debit, { account: 'bug', amount: 1 }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'internal' });
    expect(JSON.stringify(error) + (error as Error).message).not.toContain('hunter2');
  });

  it('hears `internal` when the handler breaks its contract', async () => {
    await expect(rpc.call(debit, { account: 'liar', amount: 1 })).rejects.toMatchObject({ code: 'internal' });
  });

  it('hears which field is wrong, without its value', async () => {
    await expect(rpc.call(debit, { account: 'a', amount: -41 })).rejects.toMatchObject({
      code: 'invalid_request',
      details: [{ path: 'amount', message: expect.not.stringContaining('41') }],
    });
  });

  it('gives up at its timeout', async () => {
    const at = Date.now();
    await expect(rpc.call(slow, { ms: 1_000 }, { timeoutMs: 60 })).rejects.toMatchObject({ code: 'rpc_timeout' });
    expect(Date.now() - at).toBeLessThan(500);
  });

  it('gives up when its signal says so, and what has not started by then is not run', async () => {
    const away = uniqueService();
    const request = contract({ name: `${away}.wait`, input: z.null(), output: z.null() });
    const controller = new AbortController();
    const call = rpc.call(request, null, { signal: controller.signal });
    await eventually(async () => expect(await rig.redis.xlen(requestStream(away))).toBe(1));
    controller.abort(new Error('changed my mind'));
    await expect(call).rejects.toThrow('changed my mind');
    await eventually(async () => expect(await rig.redis.xlen(requestStream(away))).toBe(0));
    await expect(rpc.call(request, null, { signal: AbortSignal.abort(new Error('never asked')) })).rejects.toThrow('never asked');
    expect(await rig.redis.xlen(requestStream(away))).toBe(0);
  });

  it('a request that timed out leaves no backlog at a service that is away', async () => {
    const away = uniqueService();
    const request = contract({ name: `${away}.wait`, input: z.null(), output: z.null(), timeoutMs: 50 });
    await expect(rpc.call(request, null)).rejects.toMatchObject({ code: 'rpc_timeout' });
    await eventually(async () => expect(await rig.redis.xlen(requestStream(away))).toBe(0));
  });

  it('hears `rpc_unavailable` from a service that has no such handler', async () => {
    await expect(rpc.call(absent, null)).rejects.toMatchObject({ code: 'rpc_unavailable' });
  });

  it('carries the trace context and the deadline to the handler', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    expect(await rpc.call(trace, null, { traceparent })).toEqual({ traceparent, isInTime: true });
    expect(await rpc.call(trace, null)).toEqual({ isInTime: true });
  });

  it('hostile replies do not disturb other calls', async () => {
    const pending = rpc.call(slow, { ms: 100 });
    const [channel] = (await rig.redis.pubsub('CHANNELS', 'rep:*')) as string[];
    for (const message of ['', 'null', '{', '{"id":"999"}', '[]', '"x"']) await rig.redis.publish(channel!, message);
    expect(await pending).toBeNull();
    expect(bank.sleeps).toBeGreaterThan(0);
  });
});
