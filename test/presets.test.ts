import { describe, expect, test } from 'vitest';
import { PolicyLoss, presets } from '../lib/index.js';
import { smallBatch } from './support/small-batch.js';

const { drGrpoDenominator, ...recipes } = presets;

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
