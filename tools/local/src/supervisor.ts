import { SupervisedProcess, TIMING, type ProcessSpec, type Timing } from './supervised-process.js';
import type { ProcessState } from './run-file.js';

/** A part that did not come up; `name` finds its log. */
export class StartFailure extends Error {
  constructor(
    readonly part: string,
    cause: unknown,
  ) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = 'StartFailure';
  }
}

export interface SupervisorOptions {
  /** Called at each change of a pid or a status. */
  onChange: () => void;
  say: (line: string) => void;
  timing?: Partial<Timing>;
}

/** Runs a list of processes: starts them a few at a time, keeps them running, stops them in order. */
export class Supervisor {
  readonly #processes: SupervisedProcess[] = [];
  #isStopping = false;
  #stopped: Promise<void> | null = null;

  constructor(private readonly options: SupervisorOptions) {}

  get states(): ProcessState[] {
    return this.#processes.map((process) => process.state);
  }

  /** Resolves when all are ready. Rejects with `StartFailure` at the first that fails; then no further one is begun. */
  async start(specs: readonly ProcessSpec[], atOnce = 3): Promise<void> {
    const waiting = specs.map(
      (spec) => new SupervisedProcess(spec, { ...TIMING, ...this.options.timing }, this.options.onChange, (line) => this.#say(line)),
    );
    this.#processes.push(...waiting);
    let hasFailed = false;
    const worker = async (): Promise<void> => {
      for (let next = waiting.shift(); next && !hasFailed && !this.#isStopping; next = waiting.shift()) {
        const begin = Date.now();
        try {
          await next.start();
        } catch (error) {
          hasFailed = true;
          throw new StartFailure(next.spec.name, error);
        }
        this.#say(`${next.spec.name} is ready (port ${next.spec.port}, ${((Date.now() - begin) / 1000).toFixed(1)} s)`);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
  }

  /** Tier by tier from the highest, each tier in parallel. Resolves when all are gone. */
  stop(): Promise<void> {
    this.#isStopping = true;
    return (this.#stopped ??= this.#stopTiers());
  }

  /** Less patience with those that still run. */
  hurry(): void {
    for (const process of this.#processes) process.hurry();
  }

  async #stopTiers(): Promise<void> {
    const tiers = [...new Set(this.#processes.map(({ spec }) => spec.tier))].sort((a, b) => b - a);
    for (const tier of tiers) await Promise.all(this.#processes.filter(({ spec }) => spec.tier === tier).map((process) => process.stop()));
  }

  #say(line: string): void {
    if (!this.#isStopping) this.options.say(line);
  }
}
