import { describe, expect, test } from 'vitest';
import { PolicyLoss, type PolicyLossOptions } from '../lib/index.js';
import { thrownBy } from './support/errors.js';

/** Builds a loss of options that need not be well typed. */
function build(options: object): () => PolicyLoss {
  return () => new PolicyLoss(options as PolicyLossOptions);
}

const PAPER = { objective: 'lp-reg' };
const REFERENCE = { objective: 'lp-reg', form: 'reference' };

/** A loss that has the option, values that are in its range, and values that are not. */
const NUMBERS: [object, string, number[], number[]][] = [
  [PAPER, 'temperature', [1e-3, 2], [0, -1, NaN, Infinity]],
  [PAPER, 'softcap', [30], [0, -1, NaN, Infinity]],
  [PAPER, 'entropyCoef', [-0.1, 0, 1], [NaN, Infinity, -Infinity]],
  [PAPER, 'klRefCoef', [-0.1, 0, 1], [NaN, Infinity]],
  [PAPER, 'clipLow', [0, 1, 2], [-0.1, NaN, Infinity]],
  [PAPER, 'clipHigh', [0, 9, Infinity], [-0.1, NaN]],
  [PAPER, 'dualClip', [1.5], [1, 0, NaN, Infinity]],
  [PAPER, 'ratioCap', [0.5], [0, -1, NaN, Infinity]],
  [PAPER, 'beta', [0, 3], [-1, NaN, Infinity]],
  [PAPER, 'rho', [0, 0.5, 1], [-0.1, 1.1, NaN]],
  [REFERENCE, 'rhoNeg', [0, 1], [-0.1, 1.1, NaN]],
  [REFERENCE, 'rhoPos', [0, 1], [-0.1, 1.1, NaN]],
  [{ objective: 'kl-cov' }, 'kPercent', [0, 0.2, 100], [-1, NaN, Infinity]],
  [{ objective: 'kl-cov' }, 'klCovCoef', [0, 1], [-1, NaN, Infinity]],
  [{ objective: 'clip-cov' }, 'clipCovRatio', [0, 1], [-1, 2, NaN]],
  [{ objective: 'clip-cov' }, 'covLow', [-1, 5], [5.1, NaN, -Infinity]],
  [{ objective: 'clip-cov' }, 'covHigh', [1, 7], [0.9, NaN, Infinity]],
  [{ objective: 'clip-cov' }, 'seed', [0, 2 ** 53 - 1], [-1, 0.5, 2 ** 53, NaN]],
  [{ objective: '80-20' }, 'topFraction', [0, 1], [-0.1, 1.1, NaN]],
  [{ objective: 'sapo' }, 'tauPos', [0.5], [0, -1, NaN, Infinity]],
  [{ objective: 'sapo' }, 'tauNeg', [0.5], [0, -1, NaN, Infinity]],
];

const WORDS: [object, string, string[]][] = [
  [
    PAPER,
    'aggregation',
    ['token-mean', 'seq-mean-token-sum', 'seq-mean-token-mean', 'seq-mean-token-sum-norm'],
  ],
  [{ ...PAPER, klRefCoef: 1 }, 'klRefEstimator', ['k1', 'k2', 'k3', 'abs']],
  [PAPER, 'nonFinite', ['error', 'propagate']],
  [PAPER, 'backend', ['auto', 'cpu']],
  [PAPER, 'proxy', ['current', 'old', 'snapshot']],
  [PAPER, 'selectOn', ['current', 'old']],
  [PAPER, 'interpolation', ['lower', 'linear']],
  [REFERENCE, 'estimator', ['k1', 'k2', 'k3', 'abs']],
  [REFERENCE, 'proxy', ['current', 'old', 'stored', 'snapshot']],
];

describe.each(NUMBERS)('%o: %s', (loss, option, inside, outside) => {
  test.each(inside)('%d is in its range', (value) => {
    expect(build({ ...loss, [option]: value })().options).toHaveProperty(option, value);
  });

  test.each(outside)('%d is out of its range', (value) => {
    // The bounds of Clip-Cov's candidates bound each other, and the lower one is named.
    const argument = option === 'covHigh' && value === 0.9 ? 'covLow' : option;
    expect(thrownBy(build({ ...loss, [option]: value }))).toMatchObject({ code: 'ERR_OPTION', argument });
  });

  test.each(['1', null, true, {}, 1n])('%o is no number', (value) => {
    expect(thrownBy(build({ ...loss, [option]: value }))).toMatchObject({
      code: 'ERR_TYPE',
      argument: option,
    });
  });
});

describe.each(WORDS)('%o: %s', (loss, option, words) => {
  test.each(words)('%s is one of its words', (word) => {
    expect(build({ ...loss, [option]: word })().options).toHaveProperty(option, word);
  });

  test('another word is not', () => {
    expect(thrownBy(build({ ...loss, [option]: 'none' }))).toMatchObject({
      code: 'ERR_OPTION',
      argument: option,
    });
  });

  test.each([1, null, ['k1']])('%o is no word', (value) => {
    expect(thrownBy(build({ ...loss, [option]: value }))).toMatchObject({
      code: 'ERR_TYPE',
      argument: option,
    });
  });
});

test.each([1, 'true', null])('checkFirst that is %o is no flag', (checkFirst) => {
  expect(thrownBy(build({ ...PAPER, checkFirst }))).toMatchObject({
    code: 'ERR_TYPE',
    argument: 'checkFirst',
  });
});

describe('objective and form', () => {
  test.each([
    [{}, 'ERR_MISSING', 'objective'],
    [{ objective: 'ppo' }, 'ERR_OPTION', 'objective'],
    [{ objective: 'toString' }, 'ERR_OPTION', 'objective'],
    [{ objective: 7 }, 'ERR_TYPE', 'objective'],
    [{ objective: 'lp-reg', form: 'released' }, 'ERR_OPTION', 'form'],
    [{ objective: 'lp-reg', form: null }, 'ERR_TYPE', 'form'],
    [{ objective: 'grpo', form: 'paper' }, 'ERR_OPTION_WITHOUT_EFFECT', 'form'],
  ])('%o is refused', (options, code, argument) => {
    expect(thrownBy(build(options))).toMatchObject({ code, argument });
  });

  test.each([undefined, null, 'grpo', 1, [], new Float32Array(1)])(
    'options that are %o are refused',
    (options) => {
      expect(thrownBy(build(options as object))).toMatchObject({ code: 'ERR_TYPE', argument: 'options' });
    },
  );
});

describe('filter', () => {
  test.each([
    [{}, 'ERR_MISSING', 'filter.kind'],
    [{ kind: 'top-p' }, 'ERR_OPTION', 'filter.kind'],
    [{ kind: 'min-p' }, 'ERR_MISSING', 'filter.kappa'],
    [{ kind: 'min-p', kappa: 1.1 }, 'ERR_OPTION', 'filter.kappa'],
    [{ kind: 'min-p', kappa: -0.1 }, 'ERR_OPTION', 'filter.kappa'],
    [{ kind: 'min-p', kappa: NaN }, 'ERR_OPTION', 'filter.kappa'],
    [{ kind: 'min-p', kappa: '0.1' }, 'ERR_TYPE', 'filter.kappa'],
    [{ kind: 'min-p', kappa: 0.1, on: 'logits' }, 'ERR_OPTION', 'filter.on'],
    [{ kind: 'min-p', kappa: 0.1, tau: 0.1 }, 'ERR_OPTION_WITHOUT_EFFECT', 'filter.tau'],
    [{ kind: 'min-p', kappa: 0.1, empty: 'argmax' }, 'ERR_OPTION_WITHOUT_EFFECT', 'filter.empty'],
    [{ kind: 'fixed' }, 'ERR_MISSING', 'filter.tau'],
    [{ kind: 'fixed', tau: 0 }, 'ERR_OPTION', 'filter.tau'],
    [{ kind: 'fixed', tau: 1.1 }, 'ERR_OPTION', 'filter.tau'],
    [{ kind: 'fixed', tau: 0.1, empty: 'all' }, 'ERR_OPTION', 'filter.empty'],
    [{ kind: 'fixed', tau: 0.1, kappa: 0.1 }, 'ERR_OPTION_WITHOUT_EFFECT', 'filter.kappa'],
    ['min-p', 'ERR_TYPE', 'filter'],
    [null, 'ERR_TYPE', 'filter'],
  ])('%o is refused', (filter, code, argument) => {
    expect(thrownBy(build({ ...PAPER, filter }))).toMatchObject({ code, argument });
  });

  test.each([
    { kind: 'min-p', kappa: 0 },
    { kind: 'min-p', kappa: 1 },
    { kind: 'fixed', tau: 1 },
  ])('%o is at the end of its range', (filter) => {
    expect(build({ ...PAPER, filter })().options).toMatchObject({ filter });
  });
});
