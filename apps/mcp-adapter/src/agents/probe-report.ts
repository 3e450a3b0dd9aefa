import type { ProbeReport } from '@darkspere/contracts';

export type ProbeCheck = ProbeReport['checks'][number];

export const passedCheck = (name: string, detail: string): ProbeCheck => ({ name, passed: true, detail });
export const failedCheck = (name: string, detail: string, fix: string): ProbeCheck => ({ name, passed: false, detail, fix });

/** A report of a probe that did not get as far as a dialect. */
export const failedReport = (checks: ProbeCheck[]): ProbeReport => ({
  passed: false,
  dialect: null,
  protocolVersion: null,
  tools: [],
  requestTypes: [],
  isIdempotent: false,
  latencyMs: null,
  checks,
});
