import { sendable } from '@darkspere/platform';
import { z } from 'zod';
import type { TextReply } from './agent.js';
import { AgentFailure } from './agent-failure.js';

/** Ten segments are 1,530 characters; this is the most we store of one answer. */
export const MAX_MESSAGE_CHARS = 16_000;
const MAX_STATE_CHARS = 65_536;
const MAX_DEPTH = 32;

const JsonObject = z.custom<Record<string, unknown>>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'must be an object',
);

/** What both dialects answer: the fields of the seed's `chat.response` that we read; the rest is ignored. */
const ChatAnswer = z.object({
  message: z.string(),
  context_update: z.object({ session_state: JsonObject.nullish() }).nullish(),
  metadata: JsonObject.nullish(),
});

/**
 * Judges what an agent answered to a turn. Agents are strangers: the text must not be empty or too long, and what we
 * store as JSON must be something that Postgres takes. Throws `AgentFailure`.
 */
export const readChatAnswer = (value: unknown, turnId: string): TextReply => {
  const parsed = ChatAnswer.safeParse(value);
  if (!parsed.success) throw invalid(`does not fit: ${faultsOf(parsed.error)}`);
  const { message: written, context_update: update, metadata } = parsed.data;
  const message = sendable(written);
  if (message.trim() === '') throw invalid('has an empty message');
  if (message.length > MAX_MESSAGE_CHARS) throw tooLarge(`has a message of more than ${MAX_MESSAGE_CHARS} characters`);
  if (metadata) assertStorable(metadata, 'metadata');
  if (typeof metadata?.turn_id === 'string' && metadata.turn_id !== turnId) throw invalid('belongs to another turn');
  const state = update?.session_state;
  if (state) assertStorable(state, 'context_update.session_state');
  return {
    kind: 'text',
    message,
    ...(state && { contextUpdate: { session_state: state } }),
    ...(metadata && { metadata }),
  };
};

/** Names the fields at fault and not their values. */
export const faultsOf = (error: z.ZodError): string =>
  error.issues
    .slice(0, 5)
    .map(({ path, code }) => `${path.join('.') || 'answer'} (${code})`)
    .join(', ');

const invalid = (why: string) => new AgentFailure('agent_answer_invalid', `The agent's answer ${why}.`);
const tooLarge = (why: string) => new AgentFailure('agent_answer_too_large', `The agent's answer ${why}.`);

/** Postgres takes neither U+0000 nor half a surrogate pair (an emoji cut in two). */
const UNSTORABLE = /[\0\p{Surrogate}]/u;

const assertStorable = (value: Record<string, unknown>, field: string): void => {
  if (!isStorable(value, MAX_DEPTH)) {
    throw invalid(`has ${field} nested deeper than ${MAX_DEPTH} levels, or with a \\u0000 or half a surrogate pair in it`);
  }
  if (JSON.stringify(value).length > MAX_STATE_CHARS) throw tooLarge(`has ${field} of more than ${MAX_STATE_CHARS} characters`);
};

const isStorable = (value: unknown, depth: number): boolean => {
  if (typeof value === 'string') return !UNSTORABLE.test(value);
  if (typeof value !== 'object' || value === null) return true;
  if (depth === 0) return false;
  if (Array.isArray(value)) return value.every((item) => isStorable(item, depth - 1));
  return Object.entries(value).every(([key, item]) => !UNSTORABLE.test(key) && isStorable(item, depth - 1));
};
