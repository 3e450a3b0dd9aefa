import type { z } from 'zod';
import { CircuitOpen, type Circuit } from './circuit.js';
import { type Draft, readDraft, UnreadableDraft } from './draft.js';
import type { ModelCompletion, ModelPort, ModelRequest } from './model-port.js';
import { type Refusal, refusalOf, type ReplyPolicy } from './reply-policy.js';

/** A model and the circuit that guards it; both live as long as the process. */
export interface GuardedModel {
  model: ModelPort;
  circuit: Circuit;
}

/** What a model is asked for, given what the rules would answer. */
export interface ModelTask<C> {
  request: ModelRequest;
  policy: ReplyPolicy;
  /** The fields that a model may read out of the text, and what counts as none. */
  captured: { schema: z.ZodType<C>; none: C };
}

/** `unanswered`: the model says itself that the facts it was given have no answer. */
export type Fallback = 'resting' | 'failed' | 'unreadable' | 'unanswered' | `refused_${Refusal}`;

export type Answered<A> =
  | { by: 'rules'; answer: A; fallback?: Fallback; error?: unknown }
  | { by: 'model'; answer: A; model: string; usage: ModelCompletion['usage'] };

/**
 * Answers by rules, with a model's words where one is configured and behaves. The rules run first: their answer is the
 * plan, the fallback, and (run again over the draft) what decides what is sent and remembered; a model only words it.
 * Never rejects because of the model: error, timeout, unreadable or refused output all end in the rules' answer.
 * `task` is null where the rules' own wording must stand.
 */
export const answerWith = async <A, C>(
  guarded: GuardedModel | null,
  rules: (draft?: Draft<C>) => A,
  task: (planned: A) => ModelTask<C> | null,
): Promise<Answered<A>> => {
  const planned = rules();
  const asked = guarded && task(planned);
  if (!asked) return { by: 'rules', answer: planned };
  const { completion, draft, error } = await draftOf(guarded, asked);
  if (!draft) return { by: 'rules', answer: planned, fallback: fallbackOf(error), error };
  if (!draft.isAnswered) return { by: 'rules', answer: planned, fallback: 'unanswered' };
  const refusal = refusalOf(draft.text, asked.policy);
  if (refusal) return { by: 'rules', answer: planned, fallback: `refused_${refusal}` };
  return { by: 'model', answer: rules(draft), model: completion.model, usage: completion.usage };
};

// What can't be read counts as a failure of the model. What is refused later does not: hostile texts provoke refusals,
// and they must not take the model away from everyone else.
const draftOf = <C>({ model, circuit }: GuardedModel, { request, captured }: ModelTask<C>) =>
  circuit
    .run(async () => {
      const completion = await model.complete(request);
      return { completion, draft: readDraft(completion.text, captured.schema, captured.none), error: null };
    })
    .catch((error: unknown) => ({ completion: null, draft: null, error }));

const fallbackOf = (error: unknown): Fallback => {
  if (error instanceof CircuitOpen) return 'resting';
  return error instanceof UnreadableDraft ? 'unreadable' : 'failed';
};
