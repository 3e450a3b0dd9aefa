import { setTimeout as delay } from 'node:timers/promises';
import { DomainError } from '@darkspere/domain';
import { deadStream, requestStream } from './keys.js';
import { eventually, Inbox, orderPlaced, Rig, uniqueService } from './transport.fixture.js';

describe('RedisStreamsServer', () => {
  let rig: Rig;
  let service: string;
  beforeEach(() => {
    rig = new Rig();
    service = uniqueService();
  });
  afterEach(() => rig.close());

  const backlogIs = (count: number) => eventually(async () => expect(await rig.redis.xlen(requestStream(service))).toBe(count));
  const emit = async (count: number, to = service) => {
    const { events } = rig.sender();
    await Promise.all(Array.from({ length: count }, (_, number) => events.emit(orderPlaced(to), { number })));
  };

  it('two replicas share the work and nothing is handled twice', async () => {
    const handled = new Inbox<{ replica: string; number: number }>();
    const work =
      (replica: string) =>
      async ({ number }: { number: number }) => {
        await delay(1);
        handled.push({ replica, number });
      };
    rig.replica(service, work('a'), { concurrency: 4 });
    rig.replica(service, work('b'), { concurrency: 4 });
    await emit(400);
    await handled.after(400);
    await backlogIs(0);
    expect(new Set(handled.items.map(({ number }) => number)).size).toBe(400);
    expect(handled.items).toHaveLength(400);
    expect(new Set(handled.items.map(({ replica }) => replica))).toEqual(new Set(['a', 'b']));
  });

  it('an event sent before the service ever ran is handled when it starts', async () => {
    await emit(1);
    const handled = new Inbox<number>();
    rig.replica(service, ({ number }) => handled.push(number));
    expect(await handled.after(1)).toEqual([0]);
  });

  it('a replica never takes more than it can run', async () => {
    const started = new Inbox<number>();
    const gates: (() => void)[] = [];
    rig.replica(
      service,
      ({ number }) => {
        started.push(number);
        return new Promise<void>((resolve) => gates.push(resolve));
      },
      { concurrency: 3 },
    );
    await emit(10);
    await started.after(3);
    const [pending] = (await rig.redis.xpending(requestStream(service), service)) as [number];
    expect(pending).toBe(3);
    for (let done = 0; done < 10; done++) {
      await started.after(Math.min(done + 1, 10));
      await eventually(() => expect(gates.length).toBeGreaterThan(0));
      gates.shift()!();
    }
    await backlogIs(0);
  });

  it('an event is acknowledged only after its handler has resolved', async () => {
    const started = new Inbox<number>();
    let finish = (): void => undefined;
    rig.replica(service, ({ number }) => {
      started.push(number);
      return new Promise<void>((resolve) => (finish = resolve));
    });
    await emit(1);
    await started.after(1);
    expect(await rig.redis.xlen(requestStream(service))).toBe(1);
    finish();
    await backlogIs(0);
  });

  it('an event whose handler failed comes again', async () => {
    const deliveries = new Inbox<number>();
    rig.replica(
      service,
      (_, context) => {
        deliveries.push(context.deliveries);
        if (context.deliveries === 1) throw new Error('the first time fails');
      },
      { minIdleMs: 60 },
    );
    await emit(1);
    expect(await deliveries.after(2)).toEqual([1, 2]);
    await backlogIs(0);
  });

  it('a handler that takes longer than minIdle keeps its event', async () => {
    const started = new Inbox<string>();
    const slow = (replica: string) => async () => {
      started.push(replica);
      await delay(700);
    };
    rig.replica(service, slow('a'), { minIdleMs: 150, graceMs: 2_000 });
    rig.replica(service, slow('b'), { minIdleMs: 150, graceMs: 2_000 });
    await emit(1);
    await backlogIs(1);
    await started.after(1);
    await backlogIs(0);
    expect(started.items).toHaveLength(1);
  });

  it('all handlers of an event run, and one that fails brings it back', async () => {
    const ran = new Inbox<string>();
    const server = rig.server(service, { minIdleMs: 60 });
    const contract = orderPlaced(service);
    server.addHandler(
      'order.placed',
      async (_, context) => {
        ran.push('first');
        if (context.deliveries === 1) throw new DomainError('conflict', 'not yet');
      },
      true,
      { contract },
    );
    server.addHandler('order.placed', async () => ran.push('second'), true, { contract });
    server.listen(() => undefined);
    await emit(1);
    expect(await ran.after(4)).toEqual(['first', 'second', 'first', 'second']);
    await backlogIs(0);
  });

  it('a poison event becomes a dead letter after N deliveries, and a replayed one is handled', async () => {
    let isCured = false;
    const handled = new Inbox<number>();
    let deliveries = 0;
    rig.replica(
      service,
      ({ number }) => {
        deliveries++;
        if (!isCured) throw new DomainError('conflict', 'poison');
        handled.push(number);
      },
      { minIdleMs: 50, maxDeliveries: 3 },
    );
    const { deadLetters } = rig.sender();
    await emit(1);
    await eventually(async () => expect(await deadLetters.list(service)).toHaveLength(1));
    const [letter] = await deadLetters.list(service);
    expect(deliveries).toBe(3);
    expect(letter).toMatchObject({ pattern: 'order.placed', reason: 'conflict', deliveries: 3, data: '{"number":0}' });
    await backlogIs(0);

    isCured = true;
    expect(await deadLetters.replay(service, [letter!.id])).toBe(1);
    expect(await handled.after(1)).toEqual([0]);
    expect(await deadLetters.list(service)).toEqual([]);
  });

  it('hostile entries go to the dead letters at once and stop nobody', async () => {
    const handled = new Inbox<number>();
    rig.replica(service, ({ number }) => handled.push(number));
    const hostile = [
      ['p', 'order.placed', 'd', '{"number":'],
      ['p', 'order.placed'],
      ['d', '{"number":1}'],
      ['x', 'y'],
      ['p', '', 'd', '1'],
      ['p', 'order.placed', 'd', '{"number":"one"}'],
      ['p', 'order.placed', 'd', '{"__proto__":{"number":1}}'],
      ['p', 'order.placed', 'd', 'null'],
      ['p', 'order.placed', 'd', '{"number":1}', 'id', '1'],
      ['p', 'order.placed', 'd', '{"number":1}', 'id', '1', 'r', 'rep:x', 'x', 'soon'],
      ['reason', 'forged', 'from', 'x', 'n', 'NaN'],
    ];
    for (const fields of hostile) await rig.redis.xadd(requestStream(service), '*', ...fields);
    await emit(1);
    expect(await handled.after(1)).toEqual([0]);
    await backlogIs(0);
    const letters = await rig.sender().deadLetters.list(service);
    expect(letters).toHaveLength(hostile.length);
    expect(new Set(letters.map(({ reason }) => reason))).toEqual(new Set(['unreadable', 'invalid_request']));
    expect(handled.items).toHaveLength(1);
  });

  it('an event nobody handles is tried again, for a newer replica may know it, and then buried', async () => {
    rig.replica(service, () => undefined, { minIdleMs: 50, maxDeliveries: 2 });
    await rig.redis.xadd(requestStream(service), '*', 'p', 'order.lost', 'd', '{}');
    await eventually(async () =>
      expect(await rig.sender().deadLetters.list(service)).toMatchObject([{ reason: 'no_handler', deliveries: 2 }]),
    );
  });

  it('a request past its deadline is not run', async () => {
    const handled = new Inbox<string>();
    const server = rig.server(service);
    server.addHandler('stock.count', async (which) => handled.push(which));
    const request = (which: string, deadline: number) =>
      rig.redis.xadd(requestStream(service), '*', 'p', 'stock.count', 'd', `"${which}"`, 'id', '1', 'r', 'rep:none', 'x', deadline);
    await request('late', Date.now() - 1);
    await request('in time', Date.now() + 5_000);
    server.listen(() => undefined);
    expect(await handled.after(1)).toEqual(['in time']);
    await backlogIs(0);
    expect(await rig.redis.exists(deadStream(service))).toBe(0);
  });

  it('closing finishes what runs, takes nothing new and leaves no consumer behind', async () => {
    const started = new Inbox<number>();
    const finished: number[] = [];
    const server = rig.replica(
      service,
      async ({ number }) => {
        started.push(number);
        await delay(100);
        finished.push(number);
      },
      { graceMs: 5_000, concurrency: 2 },
    );
    await emit(5);
    await started.after(2);
    await server.close();
    expect(finished).toEqual(started.items);
    await backlogIs(5 - finished.length);
    expect(await rig.redis.xinfo('CONSUMERS', requestStream(service), service)).toEqual([]);
  });

  it('closing gives up on a handler after the grace period and leaves its event to another replica', async () => {
    const started = new Inbox<string>();
    const stuck = rig.replica(
      service,
      () => {
        started.push('stuck');
        return new Promise(() => undefined);
      },
      { graceMs: 100, minIdleMs: 100 },
    );
    await emit(1);
    await started.after(1);
    await stuck.close();
    expect(await rig.redis.xinfo('CONSUMERS', requestStream(service), service)).toHaveLength(1);
    rig.replica(service, (_, { deliveries }) => started.push(`taken over at delivery ${deliveries}`), { minIdleMs: 100 });
    expect(await started.after(2)).toEqual(['stuck', 'taken over at delivery 2']);
  });

  it('a service that fails everything does not touch another one', async () => {
    const other = uniqueService();
    const handled = new Inbox<number>();
    rig.replica(
      service,
      () => {
        throw new Error('always');
      },
      { minIdleMs: 50, maxDeliveries: 1 },
    );
    rig.replica(other, ({ number }) => handled.push(number));
    const { events, deadLetters } = rig.sender();
    for (let number = 0; number < 20; number++) await events.emit(orderPlaced(service, other), { number });
    expect(await handled.after(20)).toHaveLength(20);
    await eventually(async () => expect(await deadLetters.list(service)).toHaveLength(20));
    expect(await deadLetters.list(other)).toEqual([]);
  });

  it('the trace context of an event reaches its handler, one that is no trace context does not', async () => {
    const traces = new Inbox<string | undefined>();
    rig.replica(service, (_, context) => traces.push(context.traceparent));
    const { events } = rig.sender();
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await events.emit(orderPlaced(service), { number: 1 }, { traceparent });
    await traces.after(1);
    await events.emit(orderPlaced(service), { number: 2 }, { traceparent: 'x\ninjected' });
    expect(await traces.after(2)).toEqual([traceparent, undefined]);
  });
});
