import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { turnSuperseded } from '@darkspere/contracts';
import { Broadcasts } from '@darkspere/transport';
import type { ClaimedTurn } from './turn.js';
import { LEASE_MS, TurnsRepository } from './turns.repository.js';

/** The turns that this process runs: keeps their leases alive with one statement, and stops calls that became void. */
@Injectable()
export class RunningTurns implements OnModuleInit {
  private readonly logger = new Logger(RunningTurns.name);
  /** By lease token: a turn whose lease was lost may run here a second time before its first call has stopped. */
  private readonly running = new Map<string, { turn: ClaimedTurn; controller: AbortController; done: Promise<void> }>();
  private isBeating = false;

  constructor(
    private readonly turns: TurnsRepository,
    private readonly broadcasts: Broadcasts,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.broadcasts.subscribe(turnSuperseded, ({ turnId }) => this.cancel(turnId));
  }

  /** Starts `run` and keeps the turn's lease until it ends; its signal aborts at the turn's deadline. `run` must not reject. */
  start(turn: ClaimedTurn, run: (signal: AbortSignal) => Promise<void>): void {
    const controller = new AbortController();
    // A plain timer: AbortSignal.timeout with AbortSignal.any costs several times as much and outlives the call.
    const outOfTime = (): void => controller.abort(new DOMException('The turn is out of time.', 'TimeoutError'));
    const timer = setTimeout(outOfTime, Math.max(1, new Date(turn.deadline).getTime() - Date.now()));
    const done = run(controller.signal).finally(() => {
      clearTimeout(timer);
      this.running.delete(turn.lease_token);
    });
    this.running.set(turn.lease_token, { turn, controller, done });
  }

  private cancel(turnId: string): void {
    for (const { turn, controller } of this.running.values()) if (turn.turn_id === turnId) controller.abort(new Error('superseded'));
  }

  @Interval(LEASE_MS / 3)
  async beat(): Promise<void> {
    if (this.running.size === 0 || this.isBeating) return;
    this.isBeating = true;
    const held = [...this.running.values()];
    try {
      const good = new Set(await this.turns.extend(held.map(({ turn }) => turn)));
      // Whoever lost its lease (moved session, too slow a heartbeat) works for nothing.
      for (const { turn, controller } of held) if (!good.has(turn.lease_token)) controller.abort(new Error('the lease is lost'));
    } catch (error) {
      this.logger.warn(`leases were not extended: ${(error as Error).message}`);
    } finally {
      this.isBeating = false;
    }
  }

  /** Runs what was begun to its end; what is still running when the process is killed is claimed again by another. */
  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all([...this.running.values()].map(({ done }) => done));
  }
}
