/** Exact selections over the valid tokens of a batch: lowest k, highest k and the quantile threshold (SEMANTICS §6, §7). */
import type { Margins } from './margins.js';

/** `sorted` is cut after `k` values; a tie across the cut must keep clear of every other value. */
function noteBoundary(sorted: readonly number[], k: number, margins: Margins): void {
  const last = sorted[k - 1];
  const next = sorted[k];
  if (last === undefined || next === undefined) return;
  margins.noteUnlessTied('selection', next - last);
  if (next === last) for (const value of sorted) margins.noteUnlessTied('selection', value - last);
}

/**
 * The `k` tokens with the lowest value; among equal values the lowest flat index comes first.
 * `tokens` are flat indices in ascending order.
 */
export function lowest(
  tokens: readonly number[],
  value: (token: number) => number,
  k: number,
  margins: Margins,
): number[] {
  const order = [...tokens].sort((x, y) => value(x) - value(y) || x - y);
  noteBoundary(order.map(value), k, margins);
  return order.slice(0, k);
}

export function highest(
  tokens: readonly number[],
  value: (token: number) => number,
  k: number,
  margins: Margins,
): number[] {
  return lowest(tokens, (token) => -value(token), k, margins);
}

/** A test on a log-probability. */
export type BelowThreshold = (logProb: number) => boolean;

/** Strict comparison with the `rho`-quantile of the given log-probabilities (SEMANTICS §6, form `paper`). */
export function belowQuantile(
  logProbs: readonly number[],
  rho: number,
  interpolation: 'lower' | 'linear',
  margins: Margins,
): BelowThreshold {
  if (logProbs.length === 0) return () => false;
  const sorted = [...logProbs].sort((x, y) => x - y);
  const position = rho * (sorted.length - 1);
  const low = Math.floor(position);
  const atLow = sorted[low] as number;
  if (interpolation === 'lower') {
    return (logProb) => {
      margins.noteUnlessTied('quantile', logProb - atLow);
      return logProb < atLow;
    };
  }
  const pLow = Math.exp(atLow);
  const pHigh = Math.exp(sorted[Math.min(low + 1, sorted.length - 1)] as number);
  const delta = pLow + (position - low) * (pHigh - pLow);
  return (logProb) => {
    const p = Math.exp(logProb);
    margins.noteUnlessTied('quantile', p === delta ? 0 : logProb - Math.log(delta));
    return p < delta;
  };
}

/** Strict comparison with a given probability threshold. */
export function belowGiven(probThreshold: number, margins: Margins): BelowThreshold {
  const logThreshold = Math.log(probThreshold);
  return (logProb) => {
    margins.note('quantile', logProb - logThreshold);
    return logProb < logThreshold;
  };
}
