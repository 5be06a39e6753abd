/** `nonFinite: 'propagate'` keeps the damage of an impossible row to that row (docs/semantics.md §9). */
import { describe, expect, test } from 'vitest';
import type { PolicyLossBatch } from '../lib/index.js';
import { sameBits } from './support/bits.js';
import { LOSSES } from './support/draw.js';
import { drawnBatches } from './support/drawn-cases.js';
import { POISONS, poisoned } from './support/poison.js';
import { type Evaluation, inPlace, numbersOf, oneCall, twoCalls } from './support/product.js';
import { changed, type ProductCase, productCase } from './support/product-case.js';
import type { ReferenceInput } from './support/reference/case.js';
import { COUNT_EPSILON } from './support/tolerance.js';

function isUsable({ meta, mask }: ReferenceInput): boolean {
  return mask.filter((bit) => bit === 1).length > 3 && meta.V > 2 && meta.V < 300;
}

/** A valid token in the middle of the batch. */
function victimOf({ mask }: ReferenceInput): number {
  const valid = [...mask.keys()].filter((token) => mask[token] === 1);
  return valid[valid.length >> 1] as number;
}

/** What the whole batch is divided by, as counted: the spoiled row counts. 80/20 divides by the kept tokens alone. */
function divisors({ meta, mask, ...given }: ReferenceInput): Partial<PolicyLossBatch> {
  if (meta.loss === '80-20') return {};
  const lengths = Array.from({ length: meta.B }, (_, b) =>
    mask.subarray(b * meta.T, b * meta.T + meta.T).reduce((n, bit) => n + bit, 0),
  );
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const aggregation = meta.loss === 'gspo' ? 'seq-mean-token-mean' : meta.agg;
  if (aggregation === 'token-mean') return { tokenCount: given.tokenCount ?? total + COUNT_EPSILON };
  if (aggregation !== 'seq-mean-token-mean') return {};
  return { sequenceLengths: given.sequenceLengths ?? lengths.map((length) => length + COUNT_EPSILON) };
}

function withMasked(given: ProductCase, token: number): ProductCase {
  const mask = (given.batch.mask as Uint8Array).slice();
  mask[token] = 0;
  return changed(given, { mask });
}

/** Everything of a result but what belongs to one row. */
function expectOthersToAgree(result: Evaluation, expected: Evaluation, token: number, V: number): void {
  for (const [field, values] of Object.entries(expected.tokens)) {
    const [rest, without] = [result.tokens[field], values].map((array) =>
      Array.from(array as Float32Array).filter((_, i) => i !== token),
    );
    expect(rest, field).toEqual(without);
  }
  const [rest, without] = [result, expected].map(({ gradient }) =>
    numbersOf(gradient).filter((_, i) => Math.floor(i / V) !== token),
  ) as [Float32Array, Float32Array];
  expect(sameBits(rest, without)).toBe(true);
}

describe.each(LOSSES)('%s', (loss) => {
  test('a spoiled row is NaN, and all others are as if it did not exist', () => {
    for (const [turn, { input }] of drawnBatches(loss, 14, isUsable).entries()) {
      const [, poison] = POISONS[turn % POISONS.length] as (typeof POISONS)[number];
      const { V } = input.meta;
      const token = victimOf(input);
      const given = changed(productCase(input), {}, { nonFinite: 'propagate' });
      const expected = twoCalls(withMasked(changed(given, divisors(input)), token));
      for (const evaluate of [twoCalls, oneCall, inPlace]) {
        const result = evaluate(poisoned(given, poison, [token]));
        expectOthersToAgree(result, expected, token, V);
        for (const field of ['logProbs', 'entropy', 'tokenLoss', 'coefLogProb']) {
          expect(result.tokens[field]?.[token], field).toBeNaN();
        }
        const row = numbersOf(result.gradient).subarray(token * V, token * V + V);
        const isDropped = result.tokens.weight?.[token] === 0;
        expect(isDropped).toBe(loss === '80-20');
        if (isDropped) expect(result.loss).toBe(expected.loss);
        else expect(result.loss).toBeNaN();
        expect(row.every(Number.isNaN)).toBe(true);
      }
    }
  });
});

test('a ratio that overflows without a clip: the gradient of that row alone is NaN', () => {
  for (const { input } of drawnBatches('kl-cov', 5, isUsable)) {
    const { V } = input.meta;
    const token = victimOf(input);
    const given = changed(productCase(input), {}, { nonFinite: 'propagate' });
    const oldLogProbs = input.oldLogp.slice().fill(-1e5, token, token + 1);
    const advantages = input.advantages.slice().fill(-1, token, token + 1);
    const result = oneCall(changed(given, { oldLogProbs, advantages }));
    expect(result.loss).not.toSatisfy(Number.isFinite);
    numbersOf(result.gradient).forEach((slope, i) => {
      expect(Number.isNaN(slope)).toBe(Math.floor(i / V) === token);
    });
  }
});
