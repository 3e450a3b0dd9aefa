import { Injectable, Logger } from '@nestjs/common';
import { mergePatch } from '@darkspere/domain';
import { splitReply } from '@darkspere/platform';
import { AgentFailure } from '../agents/agent-failure.js';
import type { AgentReply, TurnRequest } from '../agents/agent.js';
import { AgentDirectory } from './agent-directory.js';
import { HealthReports } from '../health/health-reports.js';
import type { ClaimedTurn, Completion, Hop, TurnText } from './turn.js';
import { TurnsRepository, type TurnAnswer } from './turns.repository.js';

/** Before the second and the third attempt; an agent that restarts is back within them. */
const PAUSES_MS = [1_000, 5_000];
/** An open breaker lets a trial through after 5 s. */
const BREAKER_PAUSE_MS = 2_000;
const jitter = (ms: number): number => Math.round(ms * (0.75 + Math.random() / 2));

/** Runs one claimed turn against its agent: asks, stores the answer or the failure, says what follows. */
@Injectable()
export class TurnRunner {
  private readonly logger = new Logger(TurnRunner.name);

  constructor(
    private readonly turns: TurnsRepository,
    private readonly agents: AgentDirectory,
    private readonly health: HealthReports,
  ) {}

  /** Null: nothing follows; the turn was taken from us, or the database is away and the lease will run out. */
  async run(turn: ClaimedTurn, signal: AbortSignal): Promise<Completion | null> {
    const claimedAt = new Date();
    try {
      const reply = await this.agents.ask(turn.agent_id, requestOf(turn), signal);
      const answeredAt = new Date();
      this.health.succeeded(turn.agent_id, answeredAt.getTime() - claimedAt.getTime(), 'call');
      const hops: Hop[] = [
        { hop: 'claimed', at: claimedAt, by: 'mcp-adapter', attempt: turn.attempt },
        { hop: 'called', at: claimedAt, by: 'mcp-adapter', agent_id: turn.agent_id },
        { hop: 'answered', at: answeredAt, by: 'agent', agent_id: turn.agent_id },
      ];
      return await this.turns.complete(turn, await this.answerOf(turn, reply, hops));
    } catch (error) {
      return this.fail(turn, error);
    }
  }

  private async answerOf(turn: ClaimedTurn, reply: AgentReply, hops: Hop[]): Promise<TurnAnswer> {
    if (reply.kind === 'text') {
      const update = reply.contextUpdate?.session_state;
      return { parts: splitReply(reply.message), state: update ? mergePatch(turn.state, update) : null, hops };
    }
    const draft = await this.turns.readDraft(turn.turn_id);
    if (!draft) throw new AgentFailure('agent_answer_invalid', 'The built-in agent stored no draft.', true);
    return { parts: splitReply(draft.message), state: draft.session_state ? mergePatch(turn.state, draft.session_state) : null, hops };
  }

  private async fail(turn: ClaimedTurn, error: unknown): Promise<Completion | null> {
    if (error instanceof AgentFailure && error.code === 'turn_cancelled') return null;
    try {
      if (error instanceof AgentFailure) {
        // Once a turn: a text that breaks agents must not take them off by being asked again.
        if (turn.attempt === 1) this.health.failed(turn.agent_id, error, 'call');
        const isOpen = error.code === 'agent_breaker_open' || error.code === 'agent_busy';
        const pause = isOpen ? jitter(BREAKER_PAUSE_MS) : error.retryable ? jitter(PAUSES_MS[turn.attempt - 1] ?? 0) : null;
        return await this.turns.fail(turn, { code: error.code, diagnosis: error.message }, pause, !isOpen);
      }
      this.logger.error(`turn ${turn.turn_id} failed: ${(error as Error).message}`, (error as Error).stack ?? '', TurnRunner.name);
      return await this.turns.fail(turn, { code: 'internal', diagnosis: 'The turn failed on our side.' }, jitter(PAUSES_MS[0]!), true);
    } catch (failure) {
      this.logger.warn(`turn ${turn.turn_id} could not be ended, its lease will run out: ${(failure as Error).message}`);
      return null;
    }
  }
}

const textOf = ({ body, media }: TurnText): string =>
  body || (media ?? []).map(({ url, contentType }) => `[${contentType ?? 'media'}] ${url}`).join('\n');

const requestOf = (turn: ClaimedTurn): TurnRequest => ({
  turnId: turn.turn_id,
  sessionHandle: turn.handle,
  contactId: turn.phone ?? turn.contact_id,
  message: turn.texts.map(textOf).join('\n'),
  messageIds: turn.texts.map(({ id }) => id),
  history: turn.history,
  sessionState: turn.state,
  preferences: {},
  platform: turn.channel,
  traceparent: turn.texts.at(-1)!.traceparent,
  timestamp: turn.texts.at(-1)!.at,
});
