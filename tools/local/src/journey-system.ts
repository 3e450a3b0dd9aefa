import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exitWithin, hasExited, isPortFree, stopProcess } from '@darkspere/testing';
import { Home } from './home.js';
import { readRun } from './run-file.js';
import { readSettings, ROOT } from './settings.js';

const READY_TIMEOUT_MS = 180_000;
/** Between the well-known ports and those that systems give to clients. */
const [LOWEST_OFFSET, HIGHEST_OFFSET, OFFSET_STEP] = [10_000, 22_000, 100] as const;

/** What would point the system under test at something outside it. */
const NOT_PASSED =
  /^(DATABASE_URL|REDIS_URL|PUBLIC_BASE_URL|ENCRYPTION_KEYS|AGENT_EGRESS_ALLOW|REPLY_BUDGET_MS|LOG_LEVEL|ALLOWED_HOSTS|NODE_OPTIONS|NODE_ENV|(TWILIO|STRIPE|LLM|OIDC|NEO4J|TEST|JEST)_.*)$/;

/**
 * Starts a whole system as `npm start` does, in a temporary home and on free ports. Returns the path of its run.json
 * and what ends it; when it does not start, the error says what it said.
 */
export const startJourneySystem = async (): Promise<{ runFile: string; stop: () => Promise<void> }> => {
  const dir = mkdtempSync(join(realpathSync(tmpdir()), 'darkspere-journey-'));
  const home = new Home(join(dir, 'home'));
  const outputFile = join(dir, 'output');
  const output = openSync(outputFile, 'a');
  const env = {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !NOT_PASSED.test(name))),
    DARKSPERE_HOME: home.dir,
    DARKSPERE_PORT_OFFSET: String(await freeOffset()),
    DARKSPERE_PARENT: String(process.pid),
  };
  const child = spawn(process.execPath, [join(ROOT, 'tools/local/dist/start.js')], {
    env,
    detached: true,
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  const stop = async (): Promise<void> => {
    await stopProcess(child, [
      ['SIGTERM', 40_000],
      ['SIGKILL', 1_000],
    ]);
    rmSync(dir, { recursive: true, force: true });
  };
  for (const end = Date.now() + READY_TIMEOUT_MS; readRun(home.runFile)?.state !== 'ready'; await exitWithin(child, 100)) {
    if (!hasExited(child) && Date.now() < end) continue;
    const said = readFileSync(outputFile, 'utf8');
    await stop();
    throw new Error(`The system for the journeys did not start:\n${said}`);
  }
  return { runFile: home.runFile, stop };
};

const freeOffset = async (): Promise<number> => {
  const steps = (HIGHEST_OFFSET - LOWEST_OFFSET) / OFFSET_STEP;
  for (;;) {
    const offset = LOWEST_OFFSET + OFFSET_STEP * Math.floor(Math.random() * steps);
    const { ports } = readSettings({ DARKSPERE_PORT_OFFSET: String(offset) });
    if ((await Promise.all(Object.values(ports).map(isPortFree))).every(Boolean)) return offset;
  }
};
