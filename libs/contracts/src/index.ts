export { broadcast, contract, event } from './contract.js';
export type { BroadcastContract, Contract, EventContract, InputOf, OutputOf, PayloadOf } from './contract.js';
export { answerDue, answerTurn, turnAnswered, turnRung, turnSuperseded } from './turns.js';
export { Dialect, ProbeReport, probeAgent } from './agents.js';
export { alertRaised } from './alerts.js';
