import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { TurnsRepository } from './turns.repository.js';
import { TurnsService } from './turns.service.js';

const SWEEP_LIMIT = 200;
const END_LIMIT = 1_000;

/**
 * The whole recovery: a session with a waiting text and no live lease is looked at again, whatever became of its
 * doorbell (lost, flushed, never rung) or of the process that ran its turn. Every replica sweeps; claims settle who runs.
 */
@Injectable()
export class SweeperService {
  private readonly logger = new Logger(SweeperService.name);
  private isSweeping = false;

  constructor(
    private readonly turns: TurnsRepository,
    private readonly service: TurnsService,
  ) {}

  @Interval(1_000)
  async sweep(): Promise<void> {
    if (this.isSweeping) return;
    this.isSweeping = true;
    try {
      const sessions = await this.turns.sweep(SWEEP_LIMIT);
      await Promise.all(sessions.map((sessionId) => this.service.look(sessionId)));
      await this.turns.countSessions();
    } catch (error) {
      this.logger.warn(`sweep failed: ${(error as Error).message}`);
    } finally {
      this.isSweeping = false;
    }
  }

  /** A session without a text for 24 hours ends and frees its place with the agent. */
  @Interval(60_000)
  async endIdleSessions(): Promise<void> {
    try {
      while ((await this.turns.endIdleSessions(END_LIMIT)) === END_LIMIT);
    } catch (error) {
      this.logger.warn(`idle sessions were not ended: ${(error as Error).message}`);
    }
  }
}
