import { similarName } from '../tensors/own-fields.js';
import { DEFAULTS, type LossName } from './defaults.js';

/** Names that other trainers, or the papers, have for our options. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  loss: 'objective',
  lossType: 'objective',
  eps: 'clipLow and clipHigh',
  epsilon: 'clipLow and clipHigh',
  epsilonLow: 'clipLow',
  epsilonHigh: 'clipHigh',
  clip: 'clipLow and clipHigh',
  clipRange: 'clipLow and clipHigh',
  clipRatio: 'clipLow and clipHigh',
  clipRatioLow: 'clipLow',
  clipRatioHigh: 'clipHigh',
  clipRatioC: 'dualClip',
  delta: 'ratioCap',
  aggregate: 'aggregation',
  lossAggMode: 'aggregation',
  reduction: 'aggregation',
  entropyCoeff: 'entropyCoef',
  entCoef: 'entropyCoef',
  klCoef: 'klRefCoef, or beta for Lp-Reg',
  klLossCoef: 'klRefCoef',
  klType: 'klRefEstimator, or estimator for Lp-Reg',
  klLossType: 'klRefEstimator',
  lpRegCoef: 'beta',
  kappa: 'filter: { kind: "min-p", kappa }',
  minP: 'filter: { kind: "min-p", kappa }',
  minp: 'filter: { kind: "min-p", kappa }',
  tau: 'filter: { kind: "fixed", tau }',
  topK: 'topFraction',
  logitSoftcap: 'softcap',
  finalLogitSoftcapping: 'softcap',
};

/** What to say about an option that the loss does not have. */
export function optionHint(key: string, loss: LossName): string | undefined {
  const others = (Object.keys(DEFAULTS) as LossName[]).filter((other) => Object.hasOwn(DEFAULTS[other], key));
  if (others.length > 0) return `it is an option of ${others.join(', ')}`;
  const similar = similarName(key, ['objective', 'form', ...Object.keys(DEFAULTS[loss])]);
  if (similar !== undefined) return similar;
  return Object.hasOwn(OTHER_NAMES, key) ? `did you mean ${OTHER_NAMES[key]}?` : undefined;
}
