import type { ProbeReport } from '@darkspere/contracts';

/** Shorter ones are found in ordinary words. */
const SHORTEST_SECRET = 8;

/**
 * A report as it can be stored and shown: agents write part of it. Without NULs and lone surrogates, which Postgres
 * refuses in text and jsonb, and without the credential, should the agent have said it back.
 */
export const cleanReport = (report: ProbeReport, credential: string | null): ProbeReport => {
  const isSecret = credential !== null && credential.length >= SHORTEST_SECRET;
  const clean = (value: unknown): unknown => {
    if (typeof value === 'string') return isSecret ? storable(value).replaceAll(credential, '…') : storable(value);
    if (Array.isArray(value)) return value.map(clean);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [storable(key), clean(inner)]));
  };
  return clean(report) as ProbeReport;
};

const storable = (text: string): string => text.replace(/[\0\p{Surrogate}]/gu, '\ufffd');

/** The report of an agent that nobody could ask just now. */
export const unprobed = (): ProbeReport => ({
  passed: false,
  dialect: null,
  protocolVersion: null,
  tools: [],
  requestTypes: [],
  isIdempotent: false,
  latencyMs: null,
  checks: [
    {
      name: 'probe',
      passed: false,
      detail: 'The agent could not be probed just now; this is a fault on our side.',
      fix: 'Nothing to change: POST /api/v1/agents/{id}/probe in a moment.',
    },
  ],
});
