export { createTwin, DEFAULT_ACCOUNT_SID, DEFAULT_AUTH_TOKEN } from './twin.js';
export type { Twin, TwinOptions } from './twin.js';
export type { AgentCall } from './agents/call-log.js';
export type { Control } from './agents/agent-control.js';
export type { TextResult } from './carrier/inbound-delivery.js';
export type { Text } from './carrier/texts.js';
export type { TwinEvent } from './event-log.js';
export type { Faults } from './faults.js';
export type { InboxMessage } from './inbox.js';
