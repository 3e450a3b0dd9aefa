import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.js';
import { pings, startRedis, type RedisOptions, type RunningRedis } from './redis.js';
import { exitOf } from './server-process.js';

describe('startRedis', () => {
  const dir = mkdtempSync(join(tmpdir(), 'darkspere-spec-'));
  let options: RedisOptions;
  let server: RunningRedis | undefined;

  beforeEach(async () => {
    options = { dir: join(dir, 'redis'), port: await freePort() };
  });
  afterEach(async () => {
    await server?.stop();
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  const say = (command: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect(options.port, '127.0.0.1', () => socket.write(`${command}\r\n`));
      socket.once('error', reject).once('data', (data) => {
        socket.destroy();
        resolve(data.toString());
      });
    });

  it('evicts nothing, saves nothing, and has streams', async () => {
    server = await startRedis(options);
    expect(await say('CONFIG GET maxmemory-policy')).toContain('noeviction');
    expect(await say('CONFIG GET save')).not.toMatch(/\d+ \d+/);
    expect(await say('CONFIG GET appendonly')).toContain('no');
    expect(await say('XADD stream * field value')).toMatch(/^\$/);
    expect(await say('XAUTOCLAIM stream group consumer 0 0')).toMatch(/^-NOGROUP/);
    await server.stop();
    expect(await pings(options.port)).toBe(false);
    expect(readdirSync(options.dir)).toEqual([]);
  });

  it('takes the place of one that a killed run left behind', async () => {
    const left = await startRedis(options);
    const exit = exitOf(left.process);
    server = await startRedis(options);
    await exit;
    expect(await pings(options.port)).toBe(true);
  });

  it('says which port is in use', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(options.port, '127.0.0.1', resolve));
    await expect(startRedis(options)).rejects.toThrow(`Port ${options.port}, which Redis wants, is in use by another program.`);
    other.close();
  });

  it('says what is wrong with a server that does not start', async () => {
    await expect(startRedis({ ...options, binary: '/bin/false' })).rejects.toThrow(/\/bin\/false did not start/);
    await expect(startRedis({ ...options, binary: '/nowhere/redis-server' })).rejects.toThrow(/\/nowhere\/redis-server did not start/);
  });
});
