/** Scalars for people: Lp-Reg's diagnostics (SEMANTICS §6) and the usual health figures of a policy update. */
import { isLpReg, validTokens } from './case.js';
import { type Decisions, logRatioOf, type Scene } from './decisions.js';
import type { TokenTerms } from './token-terms.js';

/** Means are plain, over valid tokens; an empty set gives 0. */
export interface GeneralMetrics {
  entropy: number;
  clipFraction: number;
  /** Mean of `oldLogProb - logProb`. */
  approxKlK1: number;
  /** Mean of `r - 1 - log r`. */
  approxKlK3: number;
  ratioMin: number;
  ratioMax: number;
  ratioMean: number;
}

export interface LpRegDiagnostics {
  negativeCount: number;
  lowestCount: number;
  selectedCount: number;
  /** Mean Z; absent with a stored proxy. */
  keptMassNegative?: number;
  keptMassSelected?: number;
  pullRatio: number;
}

export type ReferenceMetrics = GeneralMetrics & Partial<LpRegDiagnostics>;

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function generalMetrics(scene: Scene, terms: TokenTerms): GeneralMetrics {
  const valid = validTokens(scene.input);
  const logRatios = valid.map((token) => logRatioOf(scene, token));
  const ratios = logRatios.map(Math.exp);
  const none = valid.length === 0;
  return {
    entropy: mean(valid.map((token) => scene.statistics.entropy[token] as number)),
    clipFraction: mean(valid.map((token) => terms.clipped[token] as number)),
    approxKlK1: mean(logRatios.map((logRatio) => -logRatio)),
    approxKlK3: mean(logRatios.map((logRatio) => Math.expm1(logRatio) - logRatio)),
    ratioMin: none ? 0 : Math.min(...ratios),
    ratioMax: none ? 0 : Math.max(...ratios),
    ratioMean: mean(ratios),
  };
}

/** The regulariser's pull over the policy term's push, on tokens with a negative advantage. */
function pullRatio(
  scene: Scene,
  terms: TokenTerms,
  weights: Float64Array,
  negative: readonly number[],
): number {
  let pull = 0;
  let push = 0;
  for (const token of negative) {
    const weight = weights[token] as number;
    const droppedMass = -Math.expm1(scene.statistics.logKeptMass?.[token] ?? 0);
    pull +=
      weight *
      (Math.abs(terms.regulariserSlope[token] as number) + (terms.klSlope[token] as number) * droppedMass);
    push += weight * Math.abs(terms.policySlope[token] as number);
  }
  return pull === 0 ? 0 : pull / push;
}

function lpRegDiagnostics(
  scene: Scene,
  decisions: Decisions,
  terms: TokenTerms,
  weights: Float64Array,
): LpRegDiagnostics {
  const valid = validTokens(scene.input);
  const negative = valid.filter((token) => (scene.input.advantages[token] as number) < 0);
  const selected = valid.filter((token) => decisions.selected[token] === 1);
  const { logKeptMass } = scene.statistics;
  const keptMass = (tokens: readonly number[]) =>
    mean(tokens.map((token) => Math.exp(logKeptMass?.[token] as number)));
  return {
    negativeCount: negative.length,
    lowestCount: decisions.lowestCount,
    selectedCount: selected.length,
    ...(logKeptMass && { keptMassNegative: keptMass(negative), keptMassSelected: keptMass(selected) }),
    pullRatio: pullRatio(scene, terms, weights, negative),
  };
}

export function referenceMetrics(
  scene: Scene,
  decisions: Decisions,
  terms: TokenTerms,
  weights: Float64Array,
): ReferenceMetrics {
  const general = generalMetrics(scene, terms);
  if (!isLpReg(scene.input.meta.loss)) return general;
  return { ...general, ...lpRegDiagnostics(scene, decisions, terms, weights) };
}
