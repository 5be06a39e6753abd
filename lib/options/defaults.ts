import type { Filter } from './lp-reg-options.js';

const COMMON = {
  temperature: 1,
  softcap: undefined,
  entropyCoef: 0,
  klRefCoef: 0,
  klRefEstimator: 'k3',
  nonFinite: 'error',
  checkFirst: false,
  backend: 'auto',
  device: undefined,
  stagingBytes: undefined,
} as const;

const AGGREGATION = { aggregation: 'token-mean' } as const;

const clip = (clipLow: number, clipHigh: number) => ({ clipLow, clipHigh });

const surrogate = (clipLow: number, clipHigh: number) => ({
  ...clip(clipLow, clipHigh),
  dualClip: undefined,
  ratioCap: undefined,
});

/** The filter of the paper's experiments. */
export const DEFAULT_FILTER: Filter = { kind: 'min-p', kappa: 0.02, on: 'scaled' };

const LP_REG = {
  ...COMMON,
  ...AGGREGATION,
  ...surrogate(1, 9),
  beta: 1,
  filter: DEFAULT_FILTER,
  proxy: 'current',
} as const;

/**
 * Every option of every loss with its default; `undefined` is off. An option that is not listed under a loss
 * has no effect on it. Lp-Reg has one entry per form.
 */
export const DEFAULTS = {
  grpo: { ...COMMON, ...AGGREGATION, ...surrogate(0.2, 0.2) },
  gspo: { ...COMMON, ...surrogate(3e-4, 4e-4) },
  'kl-cov': { ...COMMON, ...AGGREGATION, kPercent: 0.2, klCovCoef: 1 },
  'clip-cov': {
    ...COMMON,
    ...AGGREGATION,
    ...surrogate(0.2, 0.2),
    clipCovRatio: 2e-4,
    covLow: 1,
    covHigh: 5,
    seed: 0,
  },
  '80-20': { ...COMMON, ...AGGREGATION, ...surrogate(0.2, 0.2), topFraction: 0.2 },
  cispo: { ...COMMON, ...AGGREGATION, ...clip(0.2, 0.2) },
  sapo: { ...COMMON, ...AGGREGATION, tauPos: 1, tauNeg: 1.05 },
  'lp-reg paper': { ...LP_REG, selectOn: 'current', rho: 0.01, interpolation: 'lower' },
  'lp-reg reference': { ...LP_REG, selectOn: 'current', rhoNeg: 0.01, rhoPos: 0, estimator: 'k3' },
  'lp-reg kept': { ...LP_REG, estimator: 'k3' },
} as const;

/** A loss, with the form of Lp-Reg. */
export type LossName = keyof typeof DEFAULTS;

/** Name of any option except those that say which loss it is. */
export type OptionName = { [Loss in LossName]: keyof (typeof DEFAULTS)[Loss] }[LossName];
