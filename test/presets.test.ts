import { describe, expect, test } from 'vitest';
import { PolicyLoss, presets } from '../lib/index.js';
import { smallBatch } from './support/small-batch.js';

const { betaFromPullRatio, drGrpoDenominator, ...recipes } = presets;

describe.each(Object.entries(recipes))('%s', (_, recipe) => {
  test('is accepted as it is', () => {
    expect(new PolicyLoss(recipe()).options).toMatchObject({ objective: recipe().objective });
  });

  test('can be changed', () => {
    expect(new PolicyLoss(recipe({ temperature: 0.7, clipLow: undefined })).options.temperature).toBe(0.7);
  });
});

test('every recipe of the README is there', () => {
  expect(Object.keys(recipes)).toStrictEqual(
    expect.arrayContaining([
      'lpRegPaper',
      'lpRegReference',
      'lpRegKept',
      'grpo',
      'clipHigher',
      'dapo',
      'drGrpo',
      'bnpo',
    ]),
  );
});

test('lpRegPaper is the default of Lp-Reg', () => {
  expect(new PolicyLoss(presets.lpRegPaper()).options).toStrictEqual(
    new PolicyLoss({ objective: 'lp-reg' }).options,
  );
});

test('lpRegReference takes stored proxies, whatever else is changed', () => {
  expect(new PolicyLoss(presets.lpRegReference({ rhoNeg: 0.1 })).options).toMatchObject({
    form: 'reference',
    proxy: 'stored',
    rhoNeg: 0.1,
    rhoPos: 0,
    estimator: 'k3',
    beta: 1,
    clipLow: 1,
    clipHigh: 9,
    aggregation: 'token-mean',
    temperature: 1,
  });
});

test('drGrpo divides the token sum by B * L, as TRL does', () => {
  const batch = { ...smallBatch(2, 3, 5), mask: Uint8Array.of(1, 1, 0, 1, 1, 1) };
  const maxCompletionLength = 10;
  const given = { ...batch, ...drGrpoDenominator(2, maxCompletionLength) };
  const { loss, tokens } = new PolicyLoss(presets.drGrpo()).forwardSync(given);
  const sum = tokens.tokenLoss.reduce((a, b) => a + b, 0);
  expect(loss).toBeCloseTo(sum / (2 * maxCompletionLength), 6);
});

test('drGrpo without a denominator divides by the padded width, as verl does', () => {
  const { loss, tokens } = new PolicyLoss(presets.drGrpo()).forwardSync(smallBatch(2, 3, 5));
  expect(loss).toBeCloseTo(tokens.tokenLoss.reduce((a, b) => a + b, 0) / 3, 6);
});

test('betaFromPullRatio: the beta at which the pull ratio of a batch is 0.3', () => {
  // Row 0: negative, its action kept and not the likeliest; row 1: positive.
  const logits = { data: Float32Array.of(2, 1, -4, 2, 1, -4), dtype: 'float32', shape: [1, 2, 3] };
  const oldLogProbs = new Float32Array(2).fill(-1);
  const batch = { logits, oldLogProbs, actions: Int32Array.of(1, 0), advantages: Float32Array.of(-1, 1) };
  const pullRatio = (beta: number) =>
    new PolicyLoss(presets.lpRegKept({ beta })).forwardSync(batch).metrics.pullRatio;
  const { beta } = betaFromPullRatio(pullRatio(1));
  expect(beta).toBeGreaterThan(1);
  expect(pullRatio(beta)).toBeCloseTo(0.3, 6);
});

test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('betaFromPullRatio: %f is refused', (pullRatio) => {
  expect(() => betaFromPullRatio(pullRatio)).toThrow(
    expect.objectContaining({ code: 'ERR_OPTION', argument: 'pullRatio' }),
  );
});
