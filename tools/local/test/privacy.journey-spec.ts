import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { System, type Phone } from './journey.fixture.js';

const system = new System();

/** What may be seen in no log, no metric, and nowhere in Redis: a name for each, so that a failure does not print it. */
class Secrets {
  readonly #all: { name: string; value: string }[] = [];

  add(name: string, value: string): void {
    this.#all.push({ name, value });
  }

  foundIn(text: string): string[] {
    return this.#all.flatMap(({ name, value }) => (text.includes(value) ? [name] : []));
  }
}

interface TwinEvent {
  type: string;
  from?: string;
  to?: string;
  body?: string;
}

/** Everything that was said in the whole run so far, by whom, and the keys to it. */
const secrets = async (): Promise<Secrets> => {
  const found = new Secrets();
  const { events } = await system.twin<{ events: TwinEvent[] }>('GET', '/twin/log');
  for (const { type, from, body } of events) {
    // Digits alone: a log may well write them without the plus.
    if (type === 'text.sent') found.add(`the phone …${from!.slice(-2)}`, from!.replace(/\D/g, ''));
    // Short texts (`hi`, `12`) are part of ordinary words.
    if ((type === 'text.sent' || type === 'message.created') && body!.length >= 12) found.add(`the body "${body!.slice(0, 3)}…"`, body!);
  }
  found.add('the admin key', system.adminKey);
  const { twinAuthToken, encryptionKeys } = JSON.parse(readFileSync(join(system.run.home, 'secrets.json'), 'utf8')) as Record<
    string,
    string
  >;
  found.add('the carrier’s auth token', twinAuthToken!);
  found.add('the encryption key', encryptionKeys!.split(':')[1]!);
  found.add('the database password', new URL(system.run.databaseUrl!).password);
  found.add('an agent’s key', 'secret-of-journey');
  return found;
};

const PHRASE = 'purple-elephant';

/** Good turns and bad ones: also what is logged about failures must not tell anything. */
const converse = async (): Promise<Phone[]> => {
  const agents = await Promise.all([
    system.agent(),
    system.agent({ dialect: 'mcp' }),
    system.agent({ delay_ms: 2_600 }),
    system.agent(),
    system.agent(),
  ]);
  await agents[3]!.turn({ mode: 'garbage' });
  await agents[4]!.turn({ mode: 'error500' });
  const phones = [...agents, null].map((agent, i) => ({
    phone: system.phone(),
    number: agent?.number ?? system.run.number,
    body: `${PHRASE} number ${i} says hello`,
  }));
  await Promise.all(phones.map(({ phone, number, body }) => phone.text(number, body)));
  await Promise.all(phones.map(({ phone }) => phone.received(1, 40_000)));
  return phones.map(({ phone }) => phone);
};

describe('every app', () => {
  it('answers for its health', async () => {
    for (const [name, url] of Object.entries(system.run.urls)) {
      const answers = await Promise.all(['/health/live', '/health', '/health/ready'].map(async (path) => (await fetch(url + path)).status));
      expect({ name, answers }).toEqual({ name, answers: [200, 200, 200] });
    }
  });

  it('tells nothing about anybody in its metrics', async () => {
    await converse();
    const known = await secrets();
    for (const [name, url] of Object.entries(system.run.urls)) {
      const response = await fetch(`${url}/metrics`);
      const text = await response.text();
      expect({ name, status: response.status, found: known.foundIn(text), isReal: /^darkspere_/m.test(text) }).toEqual({
        name,
        status: 200,
        found: [],
        isReal: true,
      });
    }
  });

  it('writes neither a phone number, nor what was said, nor a key into its log', async () => {
    await converse();
    await system.settled();
    const known = await secrets();
    const logs = join(system.run.home, 'logs');
    const read = readdirSync(logs).filter(
      (file) => file.replace('.log', '') in system.run.urls || /^(postgres|redis|prepare-database)/.test(file),
    );
    expect(read.length).toBeGreaterThanOrEqual(12);
    for (const file of read) expect({ file, found: known.foundIn(readFileSync(join(logs, file), 'utf8')) }).toEqual({ file, found: [] });
  });
});

describe('Redis', () => {
  it('never holds or passes on what was said, nor a phone number', async () => {
    const redis = new Redis(system.run.redisUrl!);
    const monitor = await redis.duplicate().monitor();
    try {
      const passed: string[] = [];
      monitor.on('monitor', (_time: string, args: string[]) => passed.push(args.join(' ')));
      const stored: string[] = [];
      let isOver = false;
      const talk = converse().finally(() => (isOver = true));
      for (; !isOver; await sleep(20)) stored.push(...(await contents(redis)));
      const phones = await talk;
      stored.push(...(await contents(redis)));
      const known = await secrets();
      for (const { number } of phones) known.add('a phone', number.slice(1));
      known.add('a phrase', PHRASE);
      // A scan that never met a turn, or a monitor that saw no command, would prove nothing.
      expect(passed.join('\n')).toContain('xadd svc:{mcp-adapter}:req');
      expect(stored.length).toBeGreaterThan(0);
      expect(known.foundIn(passed.join('\n'))).toEqual([]);
      expect(known.foundIn(stored.join('\n'))).toEqual([]);
    } finally {
      monitor.disconnect();
      redis.disconnect();
    }
  });
});

/** Every key with its value. */
const contents = async (redis: Redis): Promise<string[]> => {
  const found: string[] = [];
  for await (const keys of redis.scanStream({ count: 1_000 }) as AsyncIterable<string[]>) {
    for (const key of keys) found.push(`${key} ${JSON.stringify(await valueOf(redis, key))}`);
  }
  return found;
};

const valueOf = async (redis: Redis, key: string): Promise<unknown> => {
  const type = await redis.type(key);
  switch (type) {
    case 'stream':
      return redis.xrange(key, '-', '+');
    case 'hash':
      return redis.hgetall(key);
    case 'list':
      return redis.lrange(key, 0, -1);
    case 'set':
      return redis.smembers(key);
    case 'zset':
      return redis.zrange(key, 0, -1);
    case 'string':
      return redis.get(key);
    case 'none':
      return null;
    default:
      throw new Error(`${key} is a ${type}, which this test can't read`);
  }
};
