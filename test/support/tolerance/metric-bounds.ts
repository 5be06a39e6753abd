/** What the metrics of a drawn batch should be, and how far float32 statistics may move them. */
import { isLpReg, type ReferenceInput, validTokens } from '../reference/case.js';
import type { ReferenceResult } from '../reference.js';
import { type ErrorBounds, errorBounds } from './error-bounds.js';

/** Float64 means of the same numbers in another order. */
const MEAN_ERROR = 2 ** -40;

interface Bounded {
  value: number;
  allowed: number;
}

interface Scene {
  input: ReferenceInput;
  reference: ReferenceResult;
  bounds: ErrorBounds;
  valid: readonly number[];
}

type PerToken = (token: number) => number;

function mean(tokens: readonly number[], value: PerToken): number {
  return tokens.length === 0 ? 0 : tokens.reduce((sum, token) => sum + value(token), 0) / tokens.length;
}

function total(tokens: readonly number[], value: PerToken): number {
  return tokens.reduce((sum, token) => sum + value(token), 0);
}

function exact(value: number): Bounded {
  return { value, allowed: 0 };
}

function boundOf({ bounds }: Scene, field: string): PerToken {
  return (token) => bounds.tokens[field]?.[token] ?? 0;
}

function ratioMetrics(scene: Scene): Record<string, Bounded> {
  const { input, reference, valid } = scene;
  const { approxKlK3, ratioMin, ratioMax, ratioMean } = reference.metrics;
  const logRatio: PerToken = (token) =>
    (reference.tokens.logp[token] as number) - (input.oldLogp[token] as number);
  const row = boundOf(scene, 'logp');
  const widest = Math.max(0, ...valid.map(row));
  const ratioError: PerToken = (token) => Math.exp(logRatio(token)) * row(token);
  return {
    ratioMin: { value: ratioMin, allowed: ratioMin * widest },
    ratioMax: { value: ratioMax, allowed: ratioMax * widest },
    ratioMean: { value: ratioMean, allowed: mean(valid, ratioError) },
    approxKl: {
      value: approxKlK3,
      allowed: mean(valid, (token) => Math.abs(Math.expm1(logRatio(token))) * row(token)),
    },
  };
}

function generalMetrics(scene: Scene): Record<string, Bounded> {
  const { reference, valid, bounds } = scene;
  const { weight, entropy, token_loss, dual_clipped } = reference.tokens;
  const entropyError = boundOf(scene, 'entropy');
  const weighted = (value: ArrayLike<number>): PerToken => {
    return (token) => (weight[token] as number) * (value[token] as number);
  };
  return {
    validCount: exact(valid.length),
    entropy: { value: reference.metrics.entropy, allowed: mean(valid, entropyError) },
    policyLoss: { value: total(valid, weighted(token_loss)), allowed: bounds.loss },
    entropyTerm: {
      value: total(valid, weighted(entropy)),
      allowed: total(valid, (token) => (weight[token] as number) * entropyError(token)),
    },
    clipFraction: exact(reference.metrics.clipFraction),
    dualClipFraction: exact(mean(valid, (token) => dual_clipped[token] as number)),
    ...ratioMetrics(scene),
  };
}

/** The relative error of the quotient of both sums. */
function pullRatio(scene: Scene, negative: readonly number[]): Bounded {
  const { reference, bounds } = scene;
  const value = reference.metrics.pullRatio as number;
  if (value === 0 || !Number.isFinite(value)) return exact(value);
  const weight: PerToken = (token) => reference.tokens.weight[token] as number;
  const push = total(negative, (token) =>
    Math.abs(weight(token) * (reference.terms.policySlope[token] as number)),
  );
  const error = total(negative, (token) => {
    const ofKl = (reference.terms.klSlope[token] as number) * boundOf(scene, 'kl')(token);
    return (bounds.tokens.coef_logp?.[token] as number) + weight(token) * ofKl;
  });
  return { value, allowed: (error / push) * (1 + value) };
}

function lpRegMetrics(scene: Scene): Record<string, Bounded> {
  const { input, reference, valid } = scene;
  const { metrics, tokens } = reference;
  const negative = valid.filter((token) => (input.advantages[token] as number) < 0);
  const { log_kept_mass: logKeptMass, kl } = tokens;
  const common = {
    negativeCount: exact(metrics.negativeCount as number),
    lowestCount: exact(metrics.lowestCount as number),
    selectedCount: exact(metrics.selectedCount as number),
    pullRatio: pullRatio(scene, negative),
  };
  if (logKeptMass === undefined || kl === undefined) return common;
  const widest = Math.max(0, ...valid.map(boundOf(scene, 'log_kept_mass')));
  const mass: PerToken = (token) => Math.exp(logKeptMass[token] as number);
  return {
    ...common,
    keptMass: { value: mean(valid, mass), allowed: widest },
    keptMassNegative: { value: metrics.keptMassNegative as number, allowed: widest },
    keptMassSelected: { value: metrics.keptMassSelected as number, allowed: widest },
    proxyKl: {
      value: mean(valid, (token) => kl[token] as number),
      allowed: mean(valid, boundOf(scene, 'kl')),
    },
  };
}

/** Metrics that lie outside of their tolerance, each as a sentence. */
export function metricViolations(
  input: ReferenceInput,
  reference: ReferenceResult,
  metrics: Readonly<Record<string, number>>,
): string[] {
  const scene = { input, reference, bounds: errorBounds(input, reference), valid: validTokens(input) };
  const expected = { ...generalMetrics(scene), ...(isLpReg(input.meta.loss) && lpRegMetrics(scene)) };
  return Object.entries(expected).flatMap(([name, { value, allowed }]) => {
    const actual = metrics[name] as number;
    const error = Math.abs(actual - value);
    if (actual === value || error <= allowed + MEAN_ERROR * (1 + Math.abs(value))) return [];
    return [`metric ${name} is ${actual}, expected ${value} within ${allowed}`];
  });
}
