import { createServer, type AddressInfo } from 'node:net';

/** A TCP port on 127.0.0.1 that nobody listens on at this moment. */
export const freePort = async (): Promise<number> => (await listenOnce(0))!;

export const isPortFree = async (port: number): Promise<boolean> => (await listenOnce(port)) !== null;

/** The port that was free, or null if it is in use. */
const listenOnce = (port: number): Promise<number | null> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(null) : reject(error)));
    server.listen(port, '127.0.0.1', () => {
      const { port: found } = server.address() as AddressInfo;
      server.close(() => resolve(found));
    });
  });
