import { ConsumerGroup } from './consumer-group.js';
import { commandConnection, closeConnection, patientConnection } from './connection.js';
import { requestStream } from './keys.js';
import { eventually, orderPlaced, Rig, uniqueService } from './transport.fixture.js';

describe('ConsumerGroup', () => {
  const rig = new Rig();
  const service = uniqueService();
  const member = () => {
    const reader = rig.keep(patientConnection(rig.url, service), closeConnection);
    return new ConsumerGroup(reader, rig.keep(commandConnection(rig.url, service), closeConnection), service);
  };
  const consumers = async () => ((await rig.redis.xinfo('CONSUMERS', requestStream(service), service)) as string[][]).map((raw) => raw[1]);
  afterAll(() => rig.close());

  it('removes consumers that are silent and empty, and never one with entries pending', async () => {
    const [empty, loaded, living] = [member(), member(), member()];
    await empty.join();
    await empty.read(1, 1);
    await rig.sender().events.emit(orderPlaced(service), { number: 1 });
    const [delivery] = await loaded.read(1, 100);
    await loaded.leave();
    await living.read(1, 1);
    expect(await consumers()).toEqual(expect.arrayContaining([empty.consumer, loaded.consumer, living.consumer]));

    await eventually(async () => {
      await living.read(1, 1);
      await living.collect(200);
      expect(await consumers()).toEqual(expect.not.arrayContaining([empty.consumer]));
    });
    expect(await consumers()).toEqual(expect.arrayContaining([loaded.consumer, living.consumer]));

    const [taken] = await living.reclaim(10, 0);
    expect(taken).toEqual({ ...delivery, deliveries: 2 });
    await living.ack(taken!.id);
    await eventually(async () => {
      await living.read(1, 1);
      await living.collect(200);
      expect(await consumers()).toEqual([living.consumer]);
    });
  });
});
