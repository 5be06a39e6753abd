/**
 * No option is silently ignored: each one that a loss has changes the result of some batch
 * (https://github.com/linkedin/Liger-Kernel/issues/1082).
 */
import { describe, expect, test } from 'vitest';
import { DEFAULTS, type LossName as ProductLoss } from '../lib/options/defaults.js';
import { differences } from './support/bits.js';
import { LOSSES } from './support/draw.js';
import { drawnBatches, someValid } from './support/drawn-cases.js';
import { type Evaluation, flatten, numbersOf, oneCall } from './support/product.js';
import { changed, type ProductCase, productCase } from './support/product-case.js';
import type { LossName, ReferenceInput } from './support/reference/case.js';

/** A value that no batch has by chance. What only an error can show, and what changes no number, is tested elsewhere. */
const OTHER_VALUES: Readonly<Record<string, unknown>> = {
  temperature: 1.37,
  softcap: 3.1,
  entropyCoef: 0.037,
  klRefCoef: 0.51,
  klRefEstimator: 'k1',
  aggregation: 'seq-mean-token-sum',
  clipLow: 0.013,
  clipHigh: 0.017,
  dualClip: 1.03,
  ratioCap: 1.01,
  kPercent: 60,
  klCovCoef: 1.7,
  clipCovRatio: 0.9,
  covLow: 0.01,
  covHigh: 0.02,
  seed: 12345,
  topFraction: 0.43,
  tauPos: 1.9,
  tauNeg: 0.7,
  beta: 2.3,
  filter: { kind: 'fixed', tau: 0.11 },
  selectOn: 'old',
  rho: 0.77,
  interpolation: 'linear',
  rhoNeg: 0.83,
  rhoPos: 0.71,
  estimator: 'abs',
};
const WITHOUT_NUMBERS = ['nonFinite', 'checkFirst', 'backend', 'device', 'stagingBytes', 'proxy'];

function productLoss(loss: LossName): ProductLoss {
  return (loss.startsWith('lp-reg') ? loss.replace('lp-reg-', 'lp-reg ') : loss) as ProductLoss;
}

const MANY_CANDIDATES = { covLow: -10, covHigh: 10, clipCovRatio: 0.4 };

/** Batches whose options can be replaced one at a time. */
function casesOf(loss: LossName): ProductCase[] {
  const accept = ({ meta, ...input }: ReferenceInput) =>
    someValid({ meta, ...input }) &&
    meta.V < 100 &&
    meta.filter?.source !== 'stored' &&
    meta.hyper.prob_threshold === undefined &&
    meta.extras.kl_ref_coef !== undefined &&
    // An overflowed ratio is a finite loss only as long as it is clipped.
    !input.oldLogp.includes(-1000) &&
    input.tokenCount === undefined &&
    input.sequenceCount === undefined &&
    input.maxLength === undefined;
  return drawnBatches(loss, 25, accept).map(({ input }) => {
    const given = productCase(input);
    // Clip-Cov draws its own tokens here, from a choice that is large enough.
    return loss === 'clip-cov' ? changed(given, { chosen: undefined }, MANY_CANDIDATES) : given;
  });
}

function changes(given: ProductCase, before: Evaluation, option: string): boolean {
  const value = OTHER_VALUES[option];
  if ((given.options as unknown as Record<string, unknown>)[option] === value) return false;
  const after = oneCall(changed(given, {}, { [option]: value }));
  const sameGradient = differences(numbersOf(after.gradient), numbersOf(before.gradient)).length === 0;
  return !sameGradient || differences(flatten(after), flatten(before)).includes('loss');
}

describe.each(LOSSES)('%s', (loss) => {
  const cases = casesOf(loss);
  const before = cases.map((given) => oneCall(given));
  const options = Object.keys(DEFAULTS[productLoss(loss)]).filter((name) => !WITHOUT_NUMBERS.includes(name));

  test.each(options)('%s: another value changes the loss or the gradient', (option) => {
    expect(OTHER_VALUES).toHaveProperty(option);
    expect(cases.some((given, i) => changes(given, before[i] as Evaluation, option))).toBe(true);
  });
});
