import { Injectable, Logger } from '@nestjs/common';
import { turnSuperseded } from '@darkspere/contracts';
import { Broadcasts } from '@darkspere/transport';
import { RunningTurns } from './running-turns.js';
import type { Claim } from './turn.js';
import { TurnEndings } from './turn-endings.js';
import { TurnRunner } from './turn-runner.js';
import { TurnsRepository } from './turns.repository.js';

/** Looks at sessions: claims what may run, runs it, and looks again when the session says it should. */
@Injectable()
export class TurnsService {
  private readonly logger = new Logger(TurnsService.name);
  private readonly alarms = new Map<string, NodeJS.Timeout>();
  private isClosing = false;

  constructor(
    private readonly turns: TurnsRepository,
    private readonly running: RunningTurns,
    private readonly runner: TurnRunner,
    private readonly endings: TurnEndings,
    private readonly broadcasts: Broadcasts,
  ) {}

  /**
   * Resolves when the session's turn is claimed or nothing is to be done now; the turn itself goes on. Never rejects.
   * @param leaseToken the lease that came with the ring, if one did.
   */
  async look(sessionId: string, leaseToken: string | null = null): Promise<void> {
    if (this.isClosing) return;
    try {
      await this.follow(await this.turns.claim(sessionId, leaseToken));
    } catch (error) {
      // The sweeper comes by within a few seconds.
      this.logger.warn(`session ${sessionId} could not be claimed: ${(error as Error).message}`);
    }
  }

  private async follow(claim: Claim): Promise<void> {
    switch (claim.outcome) {
      case 'claimed':
        this.clearAlarm(claim.session_id);
        if (claim.superseded) await this.broadcasts.publish(turnSuperseded, { turnId: claim.superseded });
        this.running.start(claim, async (signal) => {
          const end = await this.runner.run(claim, signal);
          if (end) this.conclude(end);
        });
        return;
      case 'closed':
        return this.conclude(claim);
      case 'no_agent':
        this.endings.announce({ session_id: claim.session_id, turn_id: '', alert: claim.alert });
        return this.setAlarm(claim.session_id, claim.at);
      case 'later':
        return this.setAlarm(claim.session_id, claim.at);
      case 'running':
      case 'nothing':
        return;
      default:
        claim satisfies never;
    }
  }

  private conclude(end: Parameters<TurnEndings['announce']>[0]): void {
    this.endings.announce(end);
    if (end.more_at) this.setAlarm(end.session_id, end.more_at);
  }

  /** The sweeper would find it too, up to a second later. */
  private setAlarm(sessionId: string, at: string): void {
    if (this.isClosing) return;
    this.clearAlarm(sessionId);
    // A millisecond more: timers may fire early by the fraction that the clock cuts off.
    const delayMs = Math.max(0, new Date(at).getTime() - Date.now() + 1);
    const timer = setTimeout(() => {
      this.alarms.delete(sessionId);
      void this.look(sessionId);
    }, delayMs);
    this.alarms.set(sessionId, timer);
  }

  private clearAlarm(sessionId: string): void {
    clearTimeout(this.alarms.get(sessionId));
    this.alarms.delete(sessionId);
  }

  onModuleDestroy(): void {
    this.isClosing = true;
    for (const sessionId of this.alarms.keys()) this.clearAlarm(sessionId);
  }
}
