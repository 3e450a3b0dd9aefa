export default async () => {
  await globalThis.stopTestServers?.();
  globalThis.stopTestServers = undefined;
};
