import { connect } from 'node:net';

/** FLUSHALL as an inline command: no client, which would reconnect by itself. False: Redis is away. */
export const flushRedis = (url: string): Promise<boolean> =>
  new Promise((resolve) => {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), timeout: 2_000 });
    const end = (isDone: boolean): void => {
      socket.destroy();
      resolve(isDone);
    };
    socket.once('connect', () => socket.write('FLUSHALL\r\n'));
    socket.once('data', (data) => end(data.toString().startsWith('+OK')));
    socket.once('error', () => end(false));
    socket.once('timeout', () => end(false));
  });
