import { broadcast } from '@darkspere/contracts';
import { z } from 'zod';
import { broadcastChannel } from './keys.js';
import { eventually, Inbox, Rig, uniqueService } from './transport.fixture.js';

describe('Broadcasts', () => {
  const rig = new Rig();
  afterAll(() => rig.close());
  const made = () => broadcast({ name: `${uniqueService()}.changed`, payload: z.object({ item: z.string() }) });
  type Hint = { item: string };

  it('reach everyone who listens, each once, however many listeners a process has', async () => {
    const hint = made();
    const [first, second] = [new Inbox<Hint>(), new Inbox<Hint>()];
    const [here, there] = [rig.sender().broadcasts, rig.sender().broadcasts];
    await here.subscribe(hint, first.push);
    await here.subscribe(hint, first.push);
    await there.subscribe(hint, second.push);
    expect(await here.publish(hint, { item: 'screw' })).toBe(2);
    expect(await first.after(2)).toEqual([{ item: 'screw' }, { item: 'screw' }]);
    expect(await second.after(1)).toEqual([{ item: 'screw' }]);
  });

  it('with a topic reach only those who listen to that topic', async () => {
    const hint = made();
    const [a, b, all] = [new Inbox<Hint>(), new Inbox<Hint>(), new Inbox<Hint>()];
    const { broadcasts } = rig.sender();
    await broadcasts.subscribe(hint, a.push, 'a');
    await broadcasts.subscribe(hint, b.push, 'b');
    await broadcasts.subscribe(hint, all.push);
    expect(await broadcasts.publish(hint, { item: 'to b' }, 'b')).toBe(1);
    expect(await broadcasts.publish(hint, { item: 'to nobody' }, 'c')).toBe(0);
    expect(await b.after(1)).toEqual([{ item: 'to b' }]);
    expect([a.items, all.items]).toEqual([[], []]);
  });

  it('are no longer heard after the unsubscription, and the last listener gives up the channel', async () => {
    const hint = made();
    const heard = new Inbox<Hint>();
    const { broadcasts } = rig.sender();
    const stopFirst = await broadcasts.subscribe(hint, () => undefined);
    const stopSecond = await broadcasts.subscribe(hint, heard.push);
    stopFirst();
    expect(await broadcasts.publish(hint, { item: 'one' })).toBe(1);
    await heard.after(1);
    stopSecond();
    stopSecond();
    await eventually(async () => expect(await broadcasts.publish(hint, { item: 'two' })).toBe(0));
    expect(heard.items).toEqual([{ item: 'one' }]);
  });

  it('a hint that is not valid and a listener that fails harm nobody', async () => {
    const hint = made();
    const heard = new Inbox<Hint>();
    const { broadcasts } = rig.sender();
    await broadcasts.subscribe(hint, async () => Promise.reject(new Error('this listener is broken')));
    await broadcasts.subscribe(hint, () => {
      throw new Error('this one too');
    });
    await broadcasts.subscribe(hint, heard.push);
    for (const message of ['', 'null', '{"item":1}', '{"item":']) await rig.redis.publish(broadcastChannel(hint.name), message);
    await broadcasts.publish(hint, { item: 'fine' });
    expect(await heard.after(1)).toEqual([{ item: 'fine' }]);
  });
});
