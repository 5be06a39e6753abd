/** Exact selections over the valid tokens of a batch: lowest k, highest k and the quantile threshold (SEMANTICS §6, §7). */
import type { Margins } from './margins.js';

/** Tokens and what they are ranked by. */
export interface Ranking {
  /** Flat indices, ascending. */
  tokens: readonly number[];
  value: (token: number) => number;
  /** Whether equal values of two tokens are equal in every arithmetic, because they come from equal inputs. */
  tiesExactly: (x: number, y: number) => boolean;
}

/** Notes how clearly `value` differs from `boundary`, the value of the token `at`. */
function noteAgainst({ value, tiesExactly }: Ranking, token: number, at: number, margins: Margins): void {
  const distance = value(token) - value(at);
  if (distance === 0 && !tiesExactly(token, at)) margins.note('selection', 0);
  else margins.noteUnlessTied('selection', distance);
}

/** `order` is cut after `k` tokens; a tie across the cut must keep clear of every other value. */
function noteBoundary(ranking: Ranking, order: readonly number[], k: number, margins: Margins): void {
  const last = order[k - 1];
  const next = order[k];
  if (last === undefined || next === undefined) return;
  noteAgainst(ranking, next, last, margins);
  if (ranking.value(next) === ranking.value(last)) {
    for (const token of order) noteAgainst(ranking, token, last, margins);
  }
}

/** The `k` tokens with the lowest value; among equal values the lowest flat index comes first. */
export function lowest(ranking: Ranking, k: number, margins: Margins): number[] {
  const { tokens, value } = ranking;
  const order = [...tokens].sort((x, y) => value(x) - value(y) || x - y);
  noteBoundary(ranking, order, k, margins);
  return order.slice(0, k);
}

export function highest(ranking: Ranking, k: number, margins: Margins): number[] {
  return lowest({ ...ranking, value: (token) => -ranking.value(token) }, k, margins);
}

/** A test on a log-probability. */
export type BelowThreshold = (logProb: number) => boolean;

/** Strict comparison with the `rho`-quantile of the ranked log-probabilities (SEMANTICS §6, form `paper`). */
export function belowQuantile(
  ranking: Ranking,
  rho: number,
  interpolation: 'lower' | 'linear',
  margins: Margins,
): BelowThreshold {
  const { tokens, value } = ranking;
  const order = [...tokens].sort((x, y) => value(x) - value(y));
  const position = rho * (order.length - 1);
  const low = Math.floor(position);
  const atLow = order[low];
  const atHigh = order[Math.min(low + 1, order.length - 1)];
  if (atLow === undefined || atHigh === undefined) return () => false;
  for (const token of order) if (value(token) === value(atLow)) noteAgainst(ranking, token, atLow, margins);
  if (interpolation === 'lower') {
    return (logProb) => {
      margins.noteUnlessTied('quantile', logProb - value(atLow));
      return logProb < value(atLow);
    };
  }
  const pLow = Math.exp(value(atLow));
  const pHigh = Math.exp(value(atHigh));
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
