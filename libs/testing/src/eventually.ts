import { setTimeout as sleep } from 'node:timers/promises';

/** Tries until `check` no longer throws; after `withinMs` its last error is thrown. */
export const eventually = async <T>(check: () => Promise<T> | T, withinMs = 12_000): Promise<T> => {
  const end = Date.now() + withinMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > end) throw error;
      await sleep(20);
    }
  }
};
