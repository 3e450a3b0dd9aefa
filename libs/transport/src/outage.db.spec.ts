import { broadcast, contract } from '@darkspere/contracts';
import { z } from 'zod';
import { requestStream } from './keys.js';
import { eventually, Inbox, openProxy, orderPlaced, redisUrl, Rig, uniqueService } from './transport.fixture.js';

/** Nothing else uses it, so it may be flushed. */
const DATABASE = 15;
const stockChanged = broadcast({ name: 'stock.changed', payload: z.object({ item: z.string() }) });

describe('when Redis fails', () => {
  const service = uniqueService();
  const since = (at: number) => Date.now() - at;
  let rig: Rig;
  let proxy: Awaited<ReturnType<typeof openProxy>>;
  beforeEach(async () => {
    proxy = await openProxy(redisUrl());
    rig = new Rig(proxy.url);
  });
  afterEach(async () => {
    proxy.open();
    await rig.close();
    proxy.close();
  });

  it('a flush while a replica reads loses the group, and the next event is handled nevertheless', async () => {
    const flushed = new Rig(redisUrl(DATABASE));
    const handled = new Inbox<number>();
    flushed.replica(service, ({ number }) => handled.push(number));
    const { events } = flushed.sender();
    for (const round of [1, 2, 3]) {
      await events.emit(orderPlaced(service), { number: round });
      await handled.after(round * 2 - 1);
      await flushed.redis.flushdb();
      // The group may not be there yet: it has to start from the beginning of the stream, not from its end.
      await events.emit(orderPlaced(service), { number: -round });
      await handled.after(round * 2);
    }
    expect(handled.items).toEqual([1, -1, 2, -2, 3, -3]);
    await flushed.close();
  });

  it('a replica and its clients go on by themselves after a dropped connection', async () => {
    const handled = new Inbox<number>();
    const heard = new Inbox<string>();
    const server = rig.server(service);
    const event = orderPlaced(service);
    server.addHandler(event.name, async ({ number }) => handled.push(number), true, { contract: event });
    server.addHandler(`${service}.double`, async (n: number) => n * 2);
    server.listen(() => undefined);
    const { events, broadcasts, rpc } = rig.sender();
    await broadcasts.subscribe(stockChanged, ({ item }) => heard.push(item));
    const double = contract({ name: `${service}.double`, input: z.int(), output: z.int() });
    expect(await rpc.call(double, 1)).toBe(2);

    proxy.cut();
    await expect(events.emit(event, { number: 0 })).rejects.toMatchObject({ code: 'unavailable' });
    proxy.open();

    await eventually(() => events.emit(event, { number: 1 }));
    await eventually(() => expect(handled.items).toContain(1));
    await eventually(async () => expect(await rpc.call(double, 2, { timeoutMs: 500 })).toBe(4));
    await eventually(async () => {
      await broadcasts.publish(stockChanged, { item: 'screw' });
      expect(heard.items).toContain('screw');
    });
  });

  it.each(['cut', 'freeze'] as const)('a sender hears within about a second that Redis is unreachable (%s)', async (how) => {
    const { events, rpc, broadcasts, health } = rig.sender(service);
    await events.emit(orderPlaced(service), { number: 1 });
    expect(await health.check()).toMatchObject({ status: 'up' });
    proxy[how]();

    const at = Date.now();
    const ask = contract({ name: `${service}.double`, input: z.int(), output: z.int() });
    const [emitted, called, checked, reached] = await Promise.allSettled([
      events.emit(orderPlaced(service), { number: 2 }),
      rpc.call(ask, 1, { timeoutMs: 60_000 }),
      health.check(),
      broadcasts.publish(stockChanged, { item: 'nail' }),
    ]);
    expect(since(at)).toBeLessThan(1_500);
    expect(emitted).toMatchObject({ reason: { code: 'unavailable' } });
    expect(called).toMatchObject({ reason: { code: 'rpc_unavailable' } });
    expect(checked).toMatchObject({ value: { status: 'down', backlog: 0 } });
    expect(reached).toMatchObject({ value: 0 });
  });

  it('an app starts while Redis is away and works when it comes', async () => {
    proxy.cut();
    const handled = new Inbox<number>();
    rig.replica(service, ({ number }) => handled.push(number));
    const { events, broadcasts } = rig.sender();
    const heard = new Inbox<string>();
    await broadcasts.subscribe(stockChanged, ({ item }) => heard.push(item), service);
    proxy.open();
    await eventually(() => events.emit(orderPlaced(service), { number: 7 }));
    await eventually(() => expect(handled.items).toContain(7));
    await eventually(async () => {
      await broadcasts.publish(stockChanged, { item: 'bolt' }, service);
      expect(heard.items).toContain('bolt');
    });
  });

  it('closing while Redis is away ends', async () => {
    const handled = new Inbox<number>();
    const server = rig.replica(service, ({ number }) => handled.push(number));
    const { events } = rig.sender();
    await events.emit(orderPlaced(service), { number: 1 });
    await handled.after(1);
    proxy.cut();
    const at = Date.now();
    await server.close();
    expect(since(at)).toBeLessThan(5_000);
  });

  it('a trimmed or deleted entry that was pending does not stop the reclaiming of others', async () => {
    const direct = new Rig();
    const events = direct.sender().events;
    const seen = new Inbox<number>();
    const own = uniqueService();
    direct.replica(
      own,
      ({ number }, { deliveries }) => {
        seen.push(number);
        if (deliveries === 1) throw new Error('again');
      },
      { minIdleMs: 300 },
    );
    await events.emit(orderPlaced(own), { number: 1 });
    await events.emit(orderPlaced(own), { number: 2 });
    await seen.after(2);
    const [[first]] = (await direct.redis.xrange(requestStream(own), '-', '+', 'COUNT', 1)) as [[string, string[]]];
    await direct.redis.xdel(requestStream(own), first);
    expect(await seen.after(3)).toEqual([1, 2, 2]);
    await direct.close();
  });

  it('a connection that is silently dead is noticed and replaced', async () => {
    const handled = new Inbox<number>();
    rig.replica(service, ({ number }) => handled.push(number));
    const direct = new Rig();
    const { events } = direct.sender();
    await events.emit(orderPlaced(service), { number: 1 });
    await eventually(() => expect(handled.items).toContain(1));
    proxy.freeze();
    proxy.open();
    await events.emit(orderPlaced(service), { number: 2 });
    await eventually(() => expect(handled.items).toContain(2), 20_000);
    await direct.close();
  }, 25_000);
});
