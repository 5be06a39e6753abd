/** The proxy distribution of Lp-Reg: kept set, kept mass and q (SEMANTICS §1). */
import type { FilterSpec } from './case.js';
import type { Margins } from './margins.js';
import { largest, logSoftmax, type Row } from './row.js';

export interface ProxyDistribution {
  keptSet: Uint8Array;
  /** q, summing to 1 over the kept set and 0 elsewhere. */
  q: Float64Array;
  logKeptMass: number;
  keepCount: number;
  /** What replaced the kept set where no token passed the filter. */
  fallback: FilterSpec['empty'] | 'none';
}

/** The scores that the filter compares, and the score that a token must reach. */
function filterScores(row: Row, filter: FilterSpec, temperature: number) {
  const raw = filter.on === 'raw';
  if (filter.mode === 'fixed') {
    const scores = raw ? logSoftmax(row.capped, 1) : row.logProbs;
    return { scores, threshold: Math.log(filter.value) };
  }
  const divisor = raw ? 1 : temperature;
  const top = largest(row.capped);
  return { scores: row.capped.map((value) => (value - top) / divisor), threshold: Math.log(filter.value) };
}

function noteFilterMargins(
  scores: Float64Array,
  threshold: number,
  filter: FilterSpec,
  margins: Margins,
): void {
  if (threshold === -Infinity) return;
  for (const score of scores) {
    // A maximiser, and a token with probability 1, score 0 in every arithmetic.
    const exact = score === 0 && (filter.mode === 'min-p' || threshold === 0);
    if (score > -Infinity && !exact) margins.note('filter', score - threshold);
  }
}

function exactMaximisers(values: Float64Array, margins: Margins) {
  const top = largest(values);
  for (const value of values) margins.noteUnlessTied('maximiser', top - value);
  return Uint8Array.from(values, (value) => (value === top ? 1 : 0));
}

function logOfKeptMass(logProbs: Float64Array, keptSet: Uint8Array): number {
  let kept = 0;
  let dropped = 0;
  logProbs.forEach((logProb, v) => {
    if (keptSet[v] === 1) kept += Math.exp(logProb);
    else dropped += Math.exp(logProb);
  });
  if (dropped === 0) return 0;
  return dropped < 0.5 ? Math.log1p(-dropped) : Math.log(kept);
}

function uniformProxy(size: number): ProxyDistribution {
  return {
    keptSet: new Uint8Array(size).fill(1),
    q: new Float64Array(size).fill(1 / size),
    logKeptMass: -Infinity,
    keepCount: size,
    fallback: 'uniform',
  };
}

/** Builds the proxy from the row that `filter.source` names; `row` is that row. */
export function buildProxy(
  row: Row,
  filter: FilterSpec,
  temperature: number,
  margins: Margins,
): ProxyDistribution {
  if (row.saturated) margins.note('maximiser', 0);
  const { scores, threshold } = filterScores(row, filter, temperature);
  noteFilterMargins(scores, threshold, filter, margins);
  const passed = Uint8Array.from(scores, (score) => (score > -Infinity && score >= threshold ? 1 : 0));
  const nothingPassed = !passed.includes(1);
  if (nothingPassed && filter.empty === 'uniform') return uniformProxy(scores.length);
  const keptSet = nothingPassed ? exactMaximisers(row.capped, margins) : passed;
  const logKeptMass = logOfKeptMass(row.logProbs, keptSet);
  return {
    keptSet,
    q: row.logProbs.map((logProb, v) => (keptSet[v] === 1 ? Math.exp(logProb - logKeptMass) : 0)),
    logKeptMass,
    keepCount: keptSet.reduce((sum, bit) => sum + bit, 0),
    fallback: nothingPassed ? 'argmax' : 'none',
  };
}

/** `log q_a`; `proxyRow` is the row from which the proxy was built. */
export function proxyLogProb(proxy: ProxyDistribution, proxyRow: Row, action: number): number {
  if (proxy.fallback === 'uniform') return -Math.log(proxy.q.length);
  return proxy.keptSet[action] === 1 ? (proxyRow.logProbs[action] as number) - proxy.logKeptMass : -Infinity;
}

/** KL(q || p) as a sum over the kept set, with `log q` taken from the row of the proxy. */
export function klFromProxy(proxy: ProxyDistribution, proxyRow: Row, current: Row): number {
  const logQ = (v: number) => proxyLogProb(proxy, proxyRow, v);
  let kl = 0;
  proxy.q.forEach((q, v) => {
    if (q > 0) kl += q * (logQ(v) - (current.logProbs[v] as number));
  });
  return kl;
}
