/** What is known of an agent's calls and probes. */
export interface AgentRecord {
  /** Moving average of the outcomes, 0 to 1; the last one counts a tenth. */
  readonly successRate: number;
  /** Moving average of the successful ones, in milliseconds. */
  readonly latencyMs: number;
  /** Milliseconds since the last success. */
  readonly silenceMs: number;
}

/** An answer within that time costs nothing; from there to `SLOWEST_MS` up to half of the score. */
const PROMPT_MS = 2_000;
const SLOWEST_MS = 10_000;
/** A probe comes at least every 30 s; after ten minutes without a success half of the score is gone. */
const FRESH_MS = 60_000;
const STALEST_MS = 600_000;

/**
 * The health of an agent as a whole number from 0 to 100: success rate × promptness × recency, the last two from 1 down
 * to 0.5. `registry.health_score` computes the same where outcomes are stored.
 */
export const healthScore = ({ successRate, latencyMs, silenceMs }: AgentRecord): number =>
  Math.round(100 * successRate * (1 - share(latencyMs, PROMPT_MS, SLOWEST_MS) / 2) * (1 - share(silenceMs, FRESH_MS, STALEST_MS) / 2));

const share = (value: number, from: number, to: number): number => Math.min(Math.max((value - from) / (to - from), 0), 1);
