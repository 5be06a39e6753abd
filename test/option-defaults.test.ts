import { describe, expect, test } from 'vitest';
import { PolicyLoss, type PolicyLossOptions } from '../lib/index.js';

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
};
const AGGREGATION = { aggregation: 'token-mean' };
const SURROGATE = { clipLow: 0.2, clipHigh: 0.2, dualClip: undefined, ratioCap: undefined };
const LP_REG = {
  ...COMMON,
  ...AGGREGATION,
  ...SURROGATE,
  clipLow: 1,
  clipHigh: 9,
  beta: 1,
  filter: { kind: 'min-p', kappa: 0.02, on: 'scaled' },
  proxy: 'current',
};
const PAPER = { ...LP_REG, form: 'paper', selectOn: 'current', rho: 0.01, interpolation: 'lower' };
const REFERENCE = {
  ...LP_REG,
  form: 'reference',
  selectOn: 'current',
  rhoNeg: 0.01,
  rhoPos: 0,
  estimator: 'k3',
};

describe('an option that is not given has the default of docs/semantics.md', () => {
  test.each<[PolicyLossOptions, object]>([
    [{ objective: 'grpo' }, { ...COMMON, ...AGGREGATION, ...SURROGATE }],
    [{ objective: 'gspo' }, { ...COMMON, ...SURROGATE, clipLow: 3e-4, clipHigh: 4e-4 }],
    [{ objective: 'kl-cov' }, { ...COMMON, ...AGGREGATION, kPercent: 0.2, klCovCoef: 1 }],
    [
      { objective: 'clip-cov' },
      { ...COMMON, ...AGGREGATION, ...SURROGATE, clipCovRatio: 2e-4, covLow: 1, covHigh: 5, seed: 0 },
    ],
    [{ objective: '80-20' }, { ...COMMON, ...AGGREGATION, ...SURROGATE, topFraction: 0.2 }],
    [{ objective: 'cispo' }, { ...COMMON, ...AGGREGATION, clipLow: 0.2, clipHigh: 0.2 }],
    [{ objective: 'sapo' }, { ...COMMON, ...AGGREGATION, tauPos: 1, tauNeg: 1.05 }],
    [{ objective: 'lp-reg' }, PAPER],
    [{ objective: 'lp-reg', form: 'paper' }, PAPER],
    [{ objective: 'lp-reg', form: 'reference' }, REFERENCE],
    [
      { objective: 'lp-reg', form: 'kept' },
      { ...LP_REG, form: 'kept', estimator: 'k3' },
    ],
  ])('%o', (options, defaults) => {
    expect(new PolicyLoss(options).options).toStrictEqual({ objective: options.objective, ...defaults });
  });
});

test('a proxy that was filtered beforehand leaves no filter in the options', () => {
  const { options } = new PolicyLoss({ objective: 'lp-reg', form: 'kept', proxy: 'stored' });
  expect(options).not.toHaveProperty('filter');
});

test('a filter without `on` and `empty` has their defaults', () => {
  const filter = { kind: 'fixed', tau: 0.1 } as const;
  expect(new PolicyLoss({ objective: 'lp-reg', filter }).options).toHaveProperty('filter', {
    ...filter,
    on: 'scaled',
    empty: 'argmax',
  });
});

test('resolved options are frozen, and changing what was given changes nothing', () => {
  const filter = { kind: 'min-p' as const, kappa: 0.5 };
  const given = { objective: 'lp-reg' as const, filter };
  const { options } = new PolicyLoss(given);
  filter.kappa = 0.9;
  expect(Object.isFrozen(options)).toBe(true);
  expect(options).toHaveProperty('filter.kappa', 0.5);
  expect(Object.isFrozen((options as { filter: object }).filter)).toBe(true);
});

test('an option that is undefined counts as not given', () => {
  const options = { objective: 'grpo', clipLow: undefined, dualClip: undefined, rho: undefined };
  expect(new PolicyLoss(options as PolicyLossOptions).options).toHaveProperty('clipLow', 0.2);
});

test('frozen options are accepted', () => {
  const options = Object.freeze({ objective: 'grpo', clipLow: 0.1 } as const);
  expect(new PolicyLoss(options).options).toHaveProperty('clipLow', 0.1);
});
