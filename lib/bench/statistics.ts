/** Order statistics of timings: medians and quartiles, which one disturbed sample does not move. */

/** Times of one contender, in milliseconds. */
export interface Timing {
  /** Number of samples. */
  readonly samples: number;
  readonly median: number;
  /** First and third quartile. */
  readonly low: number;
  readonly high: number;
  readonly min: number;
}

/** A ratio of two contenders that ran side by side. */
export interface Ratio {
  /** Ratio of the medians. */
  readonly value: number;
  /** Quartiles of the rounds' own ratios. */
  readonly low: number;
  readonly high: number;
}

/**
 * Quantile by linear interpolation between order statistics.
 * @param fraction - In [0, 1].
 */
export function quantile(values: readonly number[], fraction: number): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const place = fraction * (sorted.length - 1);
  const below = Math.floor(place);
  const [lower = Number.NaN, upper = lower] = sorted.slice(below, below + 2);
  return lower + (place - below) * (upper - lower);
}

/** @param values - Not empty. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** @param samples - Milliseconds. */
export function timingOf(samples: readonly number[]): Timing {
  return {
    samples: samples.length,
    median: median(samples),
    low: quantile(samples, 0.25),
    high: quantile(samples, 0.75),
    min: Math.min(...samples),
  };
}

/** @param ours - Samples by round. @param theirs - Samples of the same rounds. */
export function ratioOf(ours: readonly number[], theirs: readonly number[]): Ratio {
  const byRound = ours.map((time, round) => time / (theirs[round] as number));
  return {
    value: median(ours) / median(theirs),
    low: quantile(byRound, 0.25),
    high: quantile(byRound, 0.75),
  };
}
