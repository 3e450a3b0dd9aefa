import { Histogram, register } from 'prom-client';

const seconds =
  (register.getSingleMetric('darkspere_accept_seconds') as Histogram | undefined) ??
  new Histogram({
    name: 'darkspere_accept_seconds',
    help: 'From the receipt of a text to its commit, session looked up',
    labelNames: ['outcome'],
    buckets: [0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  });

export const observeAccept = (outcome: string, receivedAt: Date): void =>
  seconds.observe({ outcome }, (Date.now() - receivedAt.getTime()) / 1_000);
