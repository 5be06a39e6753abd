/** What a loss decides before it is differentiated: selections, frozen ratios and constants (SEMANTICS §6, §7). */
import { isLpReg, type ReferenceInput, type ResolvedHyper, validTokens } from './case.js';
import type { Margins } from './margins.js';
import { cispoWeight, clippedSurrogate } from './policy-term.js';
import { belowGiven, belowQuantile, highest, lowest, type Ranking } from './selection.js';
import type { TokenStatistics } from './statistics.js';

/** Constants of the gradient; per-token arrays are `[B*T]`. */
export interface Decisions {
  /** Lp-Reg: regularised; KL-Cov: penalised; Clip-Cov: zeroed; 80/20: kept. */
  selected: Uint8Array;
  /** Tokens inside the `rho` selection of Lp-Reg, before the filter. */
  lowestCount: number;
  /** Clip-Cov only. */
  candidate?: Uint8Array;
  /** Clip-Cov only: the covariance that the bounds are compared with. */
  cov?: Float64Array;
  /** GSPO only, `[B]`: mean of `logProb - oldLogProb` over the sequence. */
  sequenceLogRatio?: Float64Array;
  /** CISPO only: the clipped ratio `c`. */
  cispoWeight?: Float64Array;
  /** `logProb` at the time of the decision; GSPO differentiates around it. */
  logpAtDecision: Float64Array;
}

/** Everything that decisions and token terms read. */
export interface Scene {
  input: ReferenceInput;
  hyper: ResolvedHyper;
  statistics: TokenStatistics;
  margins: Margins;
}

export function logRatioOf({ input, statistics }: Scene, token: number): number {
  return (statistics.logp[token] as number) - (input.oldLogp[token] as number);
}

/** The log-probability that Lp-Reg's selection ranks and compares. */
function rankValue({ input, hyper, statistics }: Scene, token: number): number {
  return (hyper.select_on === 'old' ? input.oldLogp[token] : statistics.logp[token]) as number;
}

/** Rows of equal logits have equal statistics in every arithmetic; so do their sampled tokens, if they are equal. */
function areRepeated({ input }: Scene, x: number, y: number): boolean {
  const { V } = input.meta;
  return input.logits
    .subarray(x * V, x * V + V)
    .every((logit: number, v: number) => logit === input.logits[y * V + v]);
}

function haveEqualLogProbs(scene: Scene, x: number, y: number): boolean {
  const { actions } = scene.input;
  return actions[x] === actions[y] && areRepeated(scene, x, y);
}

function rankingOf(scene: Scene, tokens: readonly number[]): Ranking {
  const given = scene.hyper.select_on === 'old';
  return {
    tokens,
    value: (token) => rankValue(scene, token),
    tiesExactly: (x, y) => given || haveEqualLogProbs(scene, x, y),
  };
}

function isBelowProxy(scene: Scene, token: number, value: number): boolean {
  const proxyLogp = scene.statistics.proxyLogp?.[token] as number;
  // Only stored values, and a proxy that is the current row itself, can tie in every arithmetic.
  const computed = scene.statistics.logKeptMass?.[token];
  const exact = computed === undefined || (computed > -Infinity && scene.hyper.select_on === 'current');
  if (exact) scene.margins.noteUnlessTied('below-proxy', value - proxyLogp);
  else scene.margins.note('below-proxy', value - proxyLogp);
  return value < proxyLogp;
}

function lowestOfSide(scene: Scene, sign: number, rho: number): number[] {
  const side = validTokens(scene.input).filter(
    (token) => Math.sign(scene.input.advantages[token] as number) === sign,
  );
  const k = Math.trunc(side.length * rho);
  return k > 1 ? lowest(rankingOf(scene, side), k, scene.margins) : [];
}

function decideReference(scene: Scene): Partial<Decisions> {
  const low = [
    ...lowestOfSide(scene, 1, scene.hyper.rho_pos),
    ...lowestOfSide(scene, -1, scene.hyper.rho_neg),
  ];
  const chosen = low.filter((token) => isBelowProxy(scene, token, rankValue(scene, token)));
  return { selected: flags(scene, chosen), lowestCount: low.length };
}

function decidePaper(scene: Scene): Partial<Decisions> {
  const { input, hyper, statistics, margins } = scene;
  const valid = validTokens(input);
  const isBelow =
    hyper.prob_threshold === undefined
      ? belowQuantile(rankingOf(scene, valid), hyper.rho, hyper.interp, margins)
      : belowGiven(hyper.prob_threshold, margins);
  const low = valid.filter(
    (token) => (input.advantages[token] as number) < 0 && isBelow(rankValue(scene, token)),
  );
  const chosen = low.filter((token) => statistics.actionKept?.[token] === 1);
  return { selected: flags(scene, chosen), lowestCount: low.length };
}

function decideKept(scene: Scene): Partial<Decisions> {
  const { input, statistics } = scene;
  const negative = validTokens(input).filter((token) => (input.advantages[token] as number) < 0);
  const chosen = negative.filter(
    (token) =>
      statistics.isMaximiser[token] === 0 && isBelowProxy(scene, token, statistics.logp[token] as number),
  );
  return { selected: flags(scene, chosen), lowestCount: negative.length };
}

/** `(A - mean A)(logProb - mean logProb)` over the valid tokens, with means divided by `n + epsilon`. */
function covariances({ input, statistics }: Scene, epsilon: number): Float64Array {
  const valid = validTokens(input);
  const mean = (values: ArrayLike<number>) =>
    valid.reduce((sum, token) => sum + (values[token] as number), 0) / (valid.length + epsilon);
  const meanAdvantage = mean(input.advantages);
  const meanLogp = mean(statistics.logp);
  const cov = new Float64Array(input.mask.length);
  for (const token of valid) {
    cov[token] =
      ((input.advantages[token] as number) - meanAdvantage) * ((statistics.logp[token] as number) - meanLogp);
  }
  return cov;
}

/** Where all advantages or all log-probabilities agree, every covariance is 0 but for rounding. */
function noteSpread({ input, statistics, margins }: Scene, valid: readonly number[]): void {
  for (const values of [input.advantages, statistics.logp]) {
    const of = valid.map((token) => values[token] as number);
    margins.note('cov-spread', Math.max(...of) - Math.min(...of));
  }
}

function decideKlCov(scene: Scene): Partial<Decisions> {
  const valid = validTokens(scene.input);
  const percent = scene.hyper.k_percent;
  if (valid.length === 0 || percent === 0) return {};
  const cov = covariances(scene, 0);
  const k = Math.max(1, Math.trunc((valid.length * Math.min(percent, valid.length)) / 100));
  const { advantages } = scene.input;
  const ranking: Ranking = {
    tokens: valid,
    value: (token) => cov[token] as number,
    tiesExactly: (x, y) => advantages[x] === advantages[y] && haveEqualLogProbs(scene, x, y),
  };
  const chosen = highest(ranking, k, scene.margins);
  for (const token of chosen) scene.margins.noteUnlessTied('penalty-kink', logRatioOf(scene, token));
  if (k < valid.length) noteSpread(scene, valid);
  return { selected: flags(scene, chosen) };
}

function decideClipCov(scene: Scene): Partial<Decisions> {
  const { input, hyper, margins } = scene;
  if (input.chosen === undefined) throw new Error('a clip-cov case needs the drawn tokens in `chosen`');
  const cov = covariances(scene, 1e-8);
  const candidates = validTokens(input).filter((token) => {
    const value = cov[token] as number;
    margins.note('cov-bound', value - hyper.lb);
    margins.note('cov-bound', value - hyper.ub);
    const term = clippedSurrogate(
      logRatioOf(scene, token),
      input.advantages[token] as number,
      hyper,
      margins,
    );
    return !term.clipped && value > hyper.lb && value < hyper.ub;
  });
  const chosen = candidates.filter((token) => input.chosen?.[token] === 1);
  return { selected: flags(scene, chosen), candidate: flags(scene, candidates), cov };
}

function decideHighEntropy(scene: Scene): Partial<Decisions> {
  const valid = validTokens(scene.input);
  if (valid.length === 0) return {};
  const k = Math.max(1, Math.trunc(scene.hyper.frac * valid.length));
  const ranking: Ranking = {
    tokens: valid,
    value: (token) => scene.statistics.entropy[token] as number,
    tiesExactly: (x, y) => areRepeated(scene, x, y),
  };
  const kept = highest(ranking, k, scene.margins);
  return { selected: flags(scene, kept) };
}

function decideGspo(scene: Scene): Partial<Decisions> {
  const { B, T } = scene.input.meta;
  const sums = new Float64Array(B);
  const counts = new Float64Array(B);
  for (const token of validTokens(scene.input)) {
    const sequence = Math.floor(token / T);
    sums[sequence] = (sums[sequence] as number) + logRatioOf(scene, token);
    counts[sequence] = (counts[sequence] as number) + 1;
  }
  const sequenceLogRatio = sums.map((sum, sequence) => sum / Math.max(1, counts[sequence] as number));
  for (const mean of sequenceLogRatio) scene.margins.note('gspo-cap', mean - 10);
  return { sequenceLogRatio };
}

function decideCispo(scene: Scene): Partial<Decisions> {
  const weights = new Float64Array(scene.input.mask.length);
  for (const token of validTokens(scene.input)) {
    weights[token] = cispoWeight(logRatioOf(scene, token), scene.hyper, scene.margins);
  }
  return { cispoWeight: weights };
}

function flags({ input }: Scene, tokens: readonly number[]): Uint8Array {
  const marked = new Uint8Array(input.mask.length);
  for (const token of tokens) marked[token] = 1;
  return marked;
}

const DECIDE: Partial<Record<ReferenceInput['meta']['loss'], (scene: Scene) => Partial<Decisions>>> = {
  'lp-reg-reference': decideReference,
  'lp-reg-paper': decidePaper,
  'lp-reg-kept': decideKept,
  'kl-cov': decideKlCov,
  'clip-cov': decideClipCov,
  '80-20': decideHighEntropy,
  gspo: decideGspo,
  cispo: decideCispo,
};

export function decide(scene: Scene): Decisions {
  const decided = DECIDE[scene.input.meta.loss]?.(scene) ?? {};
  return {
    selected: flags(scene, []),
    lowestCount: 0,
    logpAtDecision: scene.statistics.logp.slice(),
    ...decided,
  };
}

/** The mask that the aggregation sees: 80/20 shrinks it to the kept tokens. */
export function aggregationMask({ input }: Scene, decisions: Decisions): Uint8Array {
  return input.meta.loss === '80-20' ? decisions.selected : input.mask;
}

/** True where Lp-Reg replaces the surrogate by `-A r` and adds a sampled estimate. */
export function usesSampledPull({ input }: Scene): boolean {
  return isLpReg(input.meta.loss) && input.meta.loss !== 'lp-reg-paper';
}
