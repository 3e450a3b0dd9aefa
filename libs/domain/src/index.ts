export { DomainError, errorStatus } from './domain-error.js';
export { SCOPES, allows, apiKeyPrefix, isKeyOf, newApiKey } from './api-key.js';
export type { NewApiKey, Scope } from './api-key.js';
export { healthScore } from './health-score.js';
export { mergePatch } from './merge-patch.js';
export { readTextIntent } from './text-intent.js';
export type { ReadIntent, TextIntent } from './text-intent.js';
