import { contract, event } from '@darkspere/contracts';
import { Controller, Module, type LoggerService } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { register } from 'prom-client';
import { z } from 'zod';
import { DeadLetters } from './dead-letters.js';
import { EventBus } from './event-bus.js';
import { Handles, On } from './handlers.decorator.js';
import { requestStream } from './keys.js';
import { RpcClient } from './rpc.client.js';
import { TransportHealth } from './transport.health.js';
import { TransportModule } from './transport.module.js';
import { eventually, Inbox, orderPlaced, Rig, uniqueService } from './transport.fixture.js';

const service = uniqueService();
const other = uniqueService();
const rang = event({ name: 'bell.rang', to: [service], payload: z.object({ by: z.string() }) });
const answer = contract({ name: `${service}.answer`, input: z.object({ question: z.string() }), output: z.int() });
const rung = new Inbox<string>();

@Controller()
class DoorController {
  constructor(private readonly events: EventBus) {}

  @On(rang)
  async open({ by }: { by: string }): Promise<void> {
    rung.push(by);
    if (by === 'thief') throw new Error('no');
    await new Promise((resolve) => setTimeout(resolve, by === 'slow guest' ? 150 : 0));
    await this.events.emit(orderPlaced(other), { number: 1 });
  }

  @Handles(answer)
  answer({ question }: { question: string }): number {
    if (question.includes('trap')) throw new Error('caught');
    return 42;
  }
}

@Module({ controllers: [DoorController] })
class DoorModule {}

describe('TransportModule', () => {
  const rig = new Rig();
  afterAll(() => rig.close());

  const silent: LoggerService = { log: () => undefined, warn: () => undefined, error: () => undefined };
  const start = async (logger = silent) => {
    const forRoot = TransportModule.forRoot({ service, redisUrl: rig.url });
    const module = await Test.createTestingModule({ imports: [forRoot, DoorModule] })
      .setLogger(logger)
      .compile();
    const app = module.createNestMicroservice({ strategy: rig.server(service, { minIdleMs: 100, maxDeliveries: 2, graceMs: 2_000 }) });
    await app.listen();
    return app;
  };
  const connections = async () =>
    String(await rig.redis.client('LIST'))
      .split('\n')
      .filter((line) => line.includes(`name=${service}`)).length;

  it('serves the whole app and closes its connections with it, after the last handler has sent what it had to', async () => {
    const app = await start();
    expect(await app.get(RpcClient).call(answer, { question: 'all of it' })).toBe(42);
    await app.get(EventBus).emit(rang, { by: 'slow guest' });
    await rung.after(1);
    expect(await connections()).toBe(4);
    await app.close();
    expect(await rig.redis.xlen(requestStream(other))).toBe(1);
    expect(await rig.redis.xlen(requestStream(service))).toBe(0);
    await eventually(async () => expect(await connections()).toBe(0));
  });

  it('tells its health and its backlog', async () => {
    const app = await start();
    await app.close();
    const { health, events } = rig.sender(service);
    await events.emit(rang, { by: 'early guest' });
    expect(await health.check()).toEqual({ status: 'up', backlog: 1 });
    expect(await register.metrics()).toContain(`darkspere_transport_backlog_entries{service="${service}"} 1`);
    health.onApplicationShutdown();
    expect(await register.metrics()).not.toContain(`darkspere_transport_backlog_entries{service="${service}"}`);
  });

  it('counts and times by pattern and outcome, also when it is started twice in a process', async () => {
    const apps = [await start(), await start()];
    const dead = apps[0]!.get(DeadLetters);
    await apps[0]!
      .get(RpcClient)
      .call(answer, { question: 'trap' })
      .catch(() => undefined);
    await apps[0]!.get(EventBus).emit(rang, { by: 'thief' });
    await eventually(async () => expect(await dead.list(service)).toHaveLength(1));
    await Promise.all(apps.map((app) => app.close()));
    const metrics = await register.metrics();
    expect(metrics).toContain('darkspere_transport_handle_seconds_count{pattern="bell.rang",outcome="error"} 2');
    expect(metrics).toContain('darkspere_transport_dead_letters_total{pattern="bell.rang"} 1');
    expect(metrics).toContain(`darkspere_transport_rpc_seconds_count{pattern="${answer.name}",outcome="internal"} 1`);
    expect(metrics).toContain(`darkspere_transport_rpc_seconds_count{pattern="${answer.name}",outcome="ok"} 1`);
    expect(apps[0]!.get(TransportHealth)).not.toBe(apps[1]!.get(TransportHealth));
  });

  it('writes no payload to the log, whatever goes wrong', async () => {
    const lines: unknown[][] = [];
    const line = (...args: unknown[]) => lines.push(args);
    const app = await start({ log: line, warn: line, error: line });
    const secret = 'my-number-is-5550100';
    await app
      .get(RpcClient)
      .call(answer, { question: `trap ${secret}` })
      .catch(() => undefined);
    await app
      .get(RpcClient)
      .call(answer, { question: { secret } as unknown as string })
      .catch(() => undefined);
    for (const d of [`{"by":["${secret}"]}`, `{"by":"${secret}`, secret]) {
      await rig.redis.xadd(requestStream(service), '*', 'p', 'bell.rang', 'd', d);
      await rig.redis.xadd(requestStream(service), '*', 'p', secret, 'd', JSON.stringify(d), 't', secret);
    }
    await eventually(async () => expect(await rig.redis.xlen(requestStream(service))).toBe(0));
    await app.close();
    expect(lines.length).toBeGreaterThan(5);
    expect(JSON.stringify(lines)).not.toContain(secret);
    expect(await register.metrics()).not.toContain(secret);
  });
});
