import { Carrier } from './carrier.js';
import type { Clock } from './clock.js';
import { Died, type Database } from './database.js';
import type { Random } from './random.js';
import type { Run } from './run.js';
import type { Scene } from './scene.js';

/** What all parts share: the clock, the database, the carrier, and the phones whose runs are played. */
export class World {
  readonly carrier = new Carrier();
  /** No more faults: what is open now is brought to its end by the means of the real system. */
  isCalm = false;
  isOver = false;
  private readonly byPhone = new Map<string, Run>();
  private readonly bySession = new Map<string, Run>();
  /** Runs for which something is due by REST. */
  readonly due = new Set<Run>();
  private readonly begun = new Set<Promise<void>>();
  private order = 0;
  private failure: unknown;

  constructor(
    readonly clock: Clock,
    readonly database: Database,
    readonly scene: Scene,
    readonly random: Random,
  ) {}

  /** A position in the order of what this process sees. */
  tick(): number {
    return (this.order += 1);
  }

  enter(run: Run): void {
    this.byPhone.set(run.phone, run);
  }

  runOf(phone: string): Run | undefined {
    return this.byPhone.get(phone);
  }

  runIn(session: string): Run | undefined {
    return this.bySession.get(session);
  }

  belongs(session: string, run: Run, number: number): void {
    run.sessions.set(number, session);
    this.bySession.set(session, run);
  }

  trace(run: Run | undefined, what: string): void {
    run?.trace.push(`${String(this.tick()).padStart(8)} ${this.clock.now().toISOString().slice(11, 23)} ${what}`);
  }

  /** Does this fault happen? Never in the calm at the end. */
  fault(random: Random, probability: number): boolean {
    return random.chance(probability) && !this.isCalm;
  }

  /** Something goes on by itself. If its process is killed it just ends; any other error ends the whole. */
  begin(work: Promise<unknown>): void {
    const task = work.then(
      () => undefined,
      (error: unknown) => {
        if (!(error instanceof Died)) this.failure ??= error;
      },
    );
    this.begun.add(task);
    void task.then(() => this.begun.delete(task));
  }

  /** Repeats until the world is over, as a process that is started again when it is killed. */
  async repeat(everyMs: number, random: Random, step: () => Promise<void>): Promise<void> {
    while (!this.isOver) {
      await this.clock.sleep(everyMs * (0.5 + random.next()));
      try {
        await step();
      } catch (error) {
        if (!(error instanceof Died)) this.failure ??= error;
      }
    }
  }

  get isIdle(): boolean {
    return this.begun.size === 0;
  }

  throwFailure(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}
