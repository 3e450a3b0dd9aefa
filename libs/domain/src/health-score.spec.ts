import { healthScore } from './health-score.js';

describe('healthScore', () => {
  const well = { successRate: 1, latencyMs: 800, silenceMs: 5_000 };

  it.each([
    ['all is well', {}, 100],
    ['a tenth fails', { successRate: 0.9 }, 90],
    ['nothing succeeds', { successRate: 0 }, 0],
    ['it answers in 2 s', { latencyMs: 2_000 }, 100],
    ['it answers in 6 s', { latencyMs: 6_000 }, 75],
    ['it answers in 10 s', { latencyMs: 10_000 }, 50],
    ['it answers in a minute', { latencyMs: 60_000 }, 50],
    ['it was silent for a minute', { silenceMs: 60_000 }, 100],
    ['it was silent for 5.5 minutes', { silenceMs: 330_000 }, 75],
    ['it was silent for an hour', { silenceMs: 3_600_000 }, 50],
    ['everything is bad', { successRate: 0.5, latencyMs: 10_000, silenceMs: 600_000 }, 13],
  ])('%s: %j', (_, record, score) => {
    expect(healthScore({ ...well, ...record })).toBe(score);
  });
});
