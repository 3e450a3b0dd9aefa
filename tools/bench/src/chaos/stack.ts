import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exitWithin, hasExited, isPortFree, stopProcess } from '@darkspere/testing';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
const ENDS = ['SIGINT', 'SIGTERM', 'exit'] as const;
const READY_TIMEOUT_MS = 180_000;
/** Every port that a run may use, before the offset; below the range that systems give to clients. */
const PORTS = [8000, 8001, 8002, 8003, 8004, 8011, 8012, 8013, 8080, 8090, 8379, 8432, 8765, 8766];
const [LOWEST_OFFSET, HIGHEST_OFFSET, OFFSET_STEP] = [2_000, 23_000, 50] as const;
/** What would point the system under test at something outside it. */
const NOT_PASSED =
  /^(DATABASE_URL|REDIS_URL|PUBLIC_BASE_URL|ENCRYPTION_KEYS|AGENT_EGRESS_ALLOW|REPLY_BUDGET_MS|LOG_LEVEL|ALLOWED_HOSTS|DARKSPERE_.*|NODE_OPTIONS|NODE_ENV|(TWILIO|TWIN|STRIPE|LLM|OIDC|NEO4J|JEST)_.*)$/;
/**
 * Twilio's own limits: at most 5 retries, 15 s for everything. At once, then after 0.6, 1.8, 3.6, 6 and 9 s: a gateway
 * that is away for some seconds is asked again after it is back.
 */
const CARRIER = { TWIN_WEBHOOK_RETRIES: '5', TWIN_WEBHOOK_RETRY_PAUSE_MS: '600', TWIN_WEBHOOK_TIMEOUT_MS: '15000' };

export interface Process {
  name: string;
  pid: number | null;
  status: string;
}

/** What `npm start` writes into run.json, as far as it is needed here. */
interface RunRecord {
  state: string;
  databaseUrl: string;
  redisUrl: string;
  twinUrl: string;
  number: string;
  adminKeyFile: string;
  urls: Record<string, string>;
  processes: Process[];
}

/** A whole system of our own, started as `npm start` does. */
export class Stack {
  /** Nobody else would end it: it is not in our terminal's group, so that Ctrl-C reaches its supervisor once. */
  readonly #endWithUs = (): void => void this.child.kill('SIGTERM');

  private constructor(
    readonly home: string,
    private readonly child: ChildProcess,
  ) {
    for (const event of ENDS) process.once(event, this.#endWithUs);
  }

  /** `home` must be new or empty: texts of an earlier run would be taken for this one's. */
  static async start(home: string, signal?: AbortSignal): Promise<Stack> {
    mkdirSync(home, { recursive: true });
    if (readdirSync(home).length > 0) throw new Error(`${home} is not empty: give a new directory.`);
    // As root, Postgres runs as `nobody`, who must be able to pass.
    chmodSync(home, 0o711);
    const output = openSync(join(home, 'start.out'), 'a');
    const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !NOT_PASSED.test(name)));
    const env = { ...inherited, ...CARRIER, DARKSPERE_HOME: home, DARKSPERE_PORT_OFFSET: String(await freeOffset()) };
    const child = spawn(process.execPath, [join(ROOT, 'tools/local/dist/start.js')], {
      env,
      detached: true,
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    const stack = new Stack(home, child);
    for (
      const end = Date.now() + READY_TIMEOUT_MS;
      !existsSync(stack.runFile) || stack.record.state !== 'ready';
      await exitWithin(child, 100)
    ) {
      if (!hasExited(child) && Date.now() < end && !signal?.aborted) continue;
      await stack.stop();
      signal?.throwIfAborted();
      throw new Error(`The system did not start:\n${readFileSync(join(home, 'start.out'), 'utf8')}`);
    }
    return stack;
  }

  private get runFile(): string {
    return join(this.home, 'run.json');
  }

  /** As it is now: the supervisor replaces the file at each change. */
  get record(): RunRecord {
    return JSON.parse(readFileSync(this.runFile, 'utf8')) as RunRecord;
  }

  get adminKey(): string {
    return readFileSync(this.record.adminKeyFile, 'utf8').trim();
  }

  /** What `npm run status -- --json` shows. */
  get processes(): Process[] {
    return this.record.processes;
  }

  process(name: string): Process | undefined {
    return this.processes.find((process) => process.name === name);
  }

  /** The supervisor of the run is gone: nothing is restarted any more. */
  get isGone(): boolean {
    return hasExited(this.child);
  }

  async stop(): Promise<void> {
    await stopProcess(this.child, [
      ['SIGTERM', 45_000],
      ['SIGKILL', 1_000],
    ]);
    for (const event of ENDS) process.off(event, this.#endWithUs);
  }
}

const freeOffset = async (): Promise<number> => {
  const steps = (HIGHEST_OFFSET - LOWEST_OFFSET) / OFFSET_STEP;
  for (;;) {
    const offset = LOWEST_OFFSET + OFFSET_STEP * Math.floor(Math.random() * steps);
    if ((await Promise.all(PORTS.map((port) => isPortFree(port + offset)))).every(Boolean)) return offset;
  }
};
