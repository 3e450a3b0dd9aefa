import { join } from 'node:path';
import type { RunRecord } from './run-file.js';

/** What a person needs to know once everything is up. */
export const summaryOf = (run: RunRecord, elapsed: string): string => {
  const rows: [string, string][] = [
    ['text it', run.twinUrl === null ? `${run.number}, through the carrier of your environment` : `npm run text   (${run.number})`],
    ...Object.entries(run.urls),
    ['admin key', run.adminKeyFile],
    ['logs', join(run.home, 'logs')],
    ['see, end', 'npm run status, npm stop (or Ctrl-C)'],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return `\nDarkSpere is ready after ${elapsed}.\n\n${rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`).join('\n')}\n`;
};
