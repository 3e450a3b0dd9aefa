import { execFile, fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { requestStream } from './keys.js';
import { eventually, Inbox, orderPlaced, redisUrl, Rig, uniqueService } from './transport.fixture.js';

interface Said {
  readonly said: 'listening' | 'started' | 'done';
  readonly number?: number;
  readonly deliveries?: number;
}

const lib = fileURLToPath(new URL('..', import.meta.url));

describe('a replica that is killed', () => {
  const service = uniqueService();
  const rig = new Rig();
  const children: ChildProcess[] = [];
  const spawn = async (mode: 'hang' | 'work') => {
    const child = fork(`${lib}/test/worker.mjs`, [service, redisUrl(), mode], { execArgv: [] });
    children.push(child);
    const said = new Inbox<Said>();
    child.on('message', (message) => said.push(message as Said));
    await said.after(1);
    return { child, said };
  };
  // A process of its own runs what is built, not what jest transforms.
  beforeAll(() => promisify(execFile)('npx', ['tsc', '-b', lib]), 60_000);
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    await rig.close();
  });

  it('with kill -9 in the middle of its events loses none: another replica is given them', async () => {
    const victim = await spawn('hang');
    const { events } = rig.sender();
    for (let number = 0; number < 5; number++) await events.emit(orderPlaced(service), { number });
    await victim.said.after(6);
    const survivor = await spawn('work');
    victim.child.kill('SIGKILL');
    await once(victim.child, 'exit');

    await eventually(async () => expect(await rig.redis.xlen(requestStream(service))).toBe(0), 10_000);
    const said = survivor.said.items;
    expect(
      said
        .filter((it) => it.said === 'done')
        .map((it) => it.number)
        .sort(),
    ).toEqual([0, 1, 2, 3, 4]);
    expect(said.filter((it) => it.said === 'started').every((it) => it.deliveries === 2)).toBe(true);
  }, 20_000);

  it('is forgotten as a consumer once it has nothing pending, and one that was asked to end leaves at once', async () => {
    const { child } = await spawn('work');
    child.kill('SIGTERM');
    await once(child, 'exit');
    expect(child.exitCode).toBe(0);
    const names = await consumerNames();
    expect(names.some((name) => name.includes(`-${child.pid}-`))).toBe(false);
  }, 20_000);

  const consumerNames = async (): Promise<string[]> =>
    ((await rig.redis.xinfo('CONSUMERS', requestStream(service), service)) as string[][]).map((raw) => raw[1]!);
});
