import { z } from 'zod';
import { broadcast, contract, event } from './contract.js';

/**
 * The doorbell: these sessions have a text waiting. Ids only; the text stays in Postgres. A stale ring is harmless.
 * `leaseToken`: the turn is leased already, to whoever answers this ring; null: it has to be claimed.
 */
export const turnRung = event({
  name: 'turn.rung',
  to: ['mcp-adapter'],
  payload: z.object({ rings: z.array(z.object({ sessionId: z.uuid(), leaseToken: z.uuid().nullable() })) }),
});

/** Tells the gateway (topic) that waits on these inbound messages that they are decided. */
export const turnAnswered = broadcast({
  name: 'turn.answered',
  payload: z.object({ messageIds: z.array(z.uuid()) }),
});

/** A merged turn replaced this one: whoever runs it stops the call to the agent. */
export const turnSuperseded = broadcast({
  name: 'turn.superseded',
  payload: z.object({ turnId: z.uuid() }),
});

/** An answer is due by REST: any sender may hand it out now instead of at its next look. */
export const answerDue = broadcast({ name: 'answer.due', payload: z.object({}) });

/** Asks a built-in agent to answer a turn; it reads the text and stores its draft through published functions. */
const builtinTurn = { input: z.object({ turnId: z.uuid() }), output: z.object({ turnId: z.uuid() }) };
export const answerTurn = contract({ name: 'engagement-agent.answer-turn', ...builtinTurn, timeoutMs: 10_000 });
