export { answerWith } from './answer-with.js';
export type { Answered, Fallback, GuardedModel, ModelTask } from './answer-with.js';
export { Circuit, CircuitOpen } from './circuit.js';
export type { Draft } from './draft.js';
export type { ModelCompletion, ModelMessage, ModelPort, ModelRequest } from './model-port.js';
export { OpenAiCompatibleModel } from './openai-compatible-model.js';
export type { OpenAiCompatibleOptions } from './openai-compatible-model.js';
export type { Refusal, ReplyPolicy } from './reply-policy.js';
export { clip, gsm7Length, isGsm7, toGsm7 } from './sms-text.js';
