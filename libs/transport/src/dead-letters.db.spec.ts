import { deadStream, requestStream } from './keys.js';
import { eventually, orderPlaced, Rig, uniqueService } from './transport.fixture.js';

describe('DeadLetters', () => {
  const rig = new Rig();
  const { deadLetters, events } = rig.sender();
  afterAll(() => rig.close());

  const serviceWithDead = async (count: number): Promise<string> => {
    const service = uniqueService();
    for (let number = 0; number < count; number++) await events.emit(orderPlaced(service), { number });
    const doomed = rig.replica(service, () => Promise.reject(new Error('doomed')), { maxDeliveries: 1 });
    await eventually(async () => expect(await rig.redis.xlen(deadStream(service))).toBe(count));
    await doomed.close();
    return service;
  };

  it('are listed page by page, the newest first', async () => {
    const service = await serviceWithDead(5);
    const first = await deadLetters.list(service, { count: 3 });
    const second = await deadLetters.list(service, { count: 3, before: first.at(-1)!.id });
    expect([first.length, second.length]).toEqual([3, 2]);
    expect(new Set([...first, ...second].map(({ data }) => data)).size).toBe(5);
    expect(first[0]!.diedAt.getTime()).toBeGreaterThanOrEqual(second[0]!.diedAt.getTime());
    expect(await deadLetters.list(uniqueService())).toEqual([]);
  });

  it('a replayed one returns as it was sent, once, and only those asked for', async () => {
    const service = await serviceWithDead(3);
    const [last, , first] = await deadLetters.list(service);
    const ids = [last!.id, first!.id, '1-1'];
    expect(await deadLetters.replay(service, ids)).toBe(2);
    expect(await deadLetters.replay(service, ids)).toBe(0);
    const entries = await rig.redis.xrange(requestStream(service), '-', '+');
    expect(entries.map(([, fields]) => fields)).toEqual([last, first].map((letter) => ['p', 'order.placed', 'd', letter!.data]));
    expect(await deadLetters.list(service)).toHaveLength(1);
  });

  it('a discarded one is gone', async () => {
    const service = await serviceWithDead(2);
    const [letter] = await deadLetters.list(service);
    expect(await deadLetters.discard(service, [letter!.id])).toBe(1);
    expect(await deadLetters.discard(service, [])).toBe(0);
    expect((await deadLetters.list(service)).map(({ id }) => id)).not.toContain(letter!.id);
  });
});
