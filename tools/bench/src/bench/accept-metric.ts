/** Cumulative counts of the gateway's accept histogram, by upper bound in seconds. */
export type Histogram = Map<number, number>;

export const readAccepts = async (metricsUrl: string): Promise<Histogram> => {
  const text = await (await fetch(metricsUrl)).text();
  return new Map(
    [...text.matchAll(/^darkspere_accept_seconds_bucket\{le="([^"]+)",outcome="accepted"\} (\d+)/gm)].map(([, le, count]) => [
      le === '+Inf' ? Infinity : Number(le),
      Number(count),
    ]),
  );
};

/** Upper bound, in milliseconds, of the bucket that holds the percentile of what came between two readings. */
export const percentileBetween = (before: Histogram, after: Histogram, p: number): number => {
  const total = (after.get(Infinity) ?? 0) - (before.get(Infinity) ?? 0);
  for (const [bound, count] of [...after].sort(([a], [b]) => a - b)) {
    if (count - (before.get(bound) ?? 0) >= total * p) return bound * 1_000;
  }
  return Number.NaN;
};
