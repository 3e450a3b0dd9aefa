import { Redis } from 'ioredis';
import { System, until, type Phone } from './journey.fixture.js';

const system = new System();
const RECOVERY_MS = 8_000;

/** As many phones text as often as it says, a text each 100 ms, while `trouble` happens. Returns each phone with its texts. */
const textDuring = async (number: string, trouble: () => Promise<unknown>): Promise<Map<Phone, string[]>> => {
  const sent = new Map(Array.from({ length: 6 }, () => [system.phone(), [] as string[]] as const));
  const troubled = new Promise((resolve) => setTimeout(resolve, 500)).then(trouble);
  const webhooks = [];
  for (let i = 0; i < 4; i += 1) {
    for (const [phone, texts] of sent) {
      texts.push(`text ${i}`);
      webhooks.push(phone.text(number, `text ${i}`));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  await Promise.all([troubled, ...webhooks]);
  return sent;
};

/** Every text was answered, once, and in order: several may share one message. */
const expectAnswered = async (sent: Map<Phone, string[]>): Promise<void> => {
  for (const [phone, texts] of sent) {
    await until(`every text of ${phone.number} is answered`, async () => (await answersOf(phone)).length >= texts.length, 45_000);
    expect(await answersOf(phone)).toEqual(texts);
  }
  await system.settled();
  for (const [phone, texts] of sent) expect(await answersOf(phone)).toEqual(texts);
};

const answersOf = async (phone: Phone): Promise<string[]> =>
  (await phone.inbox()).flatMap(({ body }) => body.replace(/^echo: /, '').split('\n'));

describe('a process that dies', () => {
  afterEach(() => system.settled());

  it('mcp-adapter in the middle of a turn: the text is answered within 8 s, once', async () => {
    const agent = await system.agent({ delay_ms: 1_000 });
    const phone = system.phone();
    await phone.send(agent.number, 'are you there?');
    await agent.busy();
    const back = system.kill('mcp-adapter');
    const killedAt = Date.now();
    const [answer] = await phone.received(1, 30_000);
    expect(answer!.at - killedAt).toBeLessThanOrEqual(RECOVERY_MS);
    await back();
    expect(await phone.bodies()).toEqual(['echo: are you there?']);
  });

  it('sms-gateway while a text waits for its answer: it is answered, once', async () => {
    const agent = await system.agent({ delay_ms: 1_500 });
    const phone = system.phone();
    await phone.send(agent.number, 'still there?');
    await agent.busy();
    await system.kill('sms-gateway')();
    await phone.received(1, 40_000);
    expect(await phone.bodies()).toEqual(['echo: still there?']);
    expect((await agent.calls()).filter(({ outcome }) => outcome === 'finished')).toHaveLength(1);
  });

  it('Redis, with all it holds: nothing is lost', async () => {
    const agent = await system.agent({ delay_ms: 300 });
    const sent = await textDuring(agent.number, () => system.kill('redis')());
    await expectAnswered(sent);
  });

  it('Redis, flushed while turns run: nothing is lost', async () => {
    const redis = new Redis(system.run.redisUrl!);
    const agent = await system.agent({ delay_ms: 300 });
    const sent = await textDuring(agent.number, () => redis.flushall()).finally(() => redis.disconnect());
    await expectAnswered(sent);
  });

  it('Postgres, which recovers: nothing is lost', async () => {
    const agent = await system.agent({ delay_ms: 300 });
    const sent = await textDuring(agent.number, () => system.kill('postgres')());
    await expectAnswered(sent);
  });

  it('any: the supervisor starts it again, and npm run status shows the new process', async () => {
    const apps = Object.keys(system.run.urls);
    expect(apps).toHaveLength(9);
    const before = new Map(system.run.processes.map(({ name, pid }) => [name, pid]));
    await Promise.all(apps.map((name) => system.kill(name)()));
    const shown = JSON.parse(await system.command('status', '--json')) as { name: string; pid: number; port: number; status: string }[];
    expect(shown.map(({ name }) => name).sort()).toEqual([...before.keys()].sort());
    for (const { name, pid, port, status } of shown) {
      expect({ name, status, port }).toEqual({ name, status: 'healthy', port: system.run.ports[name] });
      expect({ name, isNew: pid !== before.get(name) }).toEqual({ name, isNew: apps.includes(name) });
    }
    const phone = system.phone();
    await phone.text(system.run.number, 'hi');
    expect(await phone.received(1)).toHaveLength(1);
  });
});
