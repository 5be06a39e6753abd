/** Nothing to learn from: a loss of 0, a gradient of zeros, and never 0 / 0 (https://github.com/huggingface/trl/pull/3248). */
import { describe, expect, test } from 'vitest';
import { buildBatch } from './support/built-batch.js';
import { AGGREGATIONS } from './support/draw/meta.js';
import { LOSSES } from './support/draw.js';
import { type Evaluation, inPlace, numbersOf, oneCall, twoCalls } from './support/product.js';
import { changed, type ProductCase, productCase, tensorOf } from './support/product-case.js';
import { inParts } from './support/product-parts.js';
import type { LossName } from './support/reference/case.js';

const FILTER = { mode: 'min-p', value: 0.05, on: 'scaled', empty: 'argmax', source: 'current' } as const;
const FORMS: ((given: ProductCase) => Evaluation)[] = [twoCalls, oneCall, inPlace, (given) => inParts(given)];

function caseOf(loss: LossName, mask?: Uint8Array): ProductCase {
  const filter = loss.startsWith('lp-reg') ? FILTER : null;
  const extras = { entropy_coef: 0.1 };
  const built = buildBatch({ loss, filter, extras, B: 2, T: 3, V: 9, ...(mask && { mask }) });
  return productCase(built.input);
}

function expectNothing({ loss, metrics, tokens, gradient }: Evaluation): void {
  expect(loss).toBe(0);
  expect(numbersOf(gradient).every((slope) => slope === 0)).toBe(true);
  for (const values of Object.values(tokens)) expect([...values].every((value) => value === 0)).toBe(true);
  for (const name of [
    'validCount',
    'entropy',
    'clipFraction',
    'ratioMean',
    'ratioMin',
    'approxKl',
    'policyLoss',
  ]) {
    expect(metrics[name], name).toBe(0);
  }
}

const aggregationsOf = (loss: LossName) => (loss === 'gspo' ? [undefined] : AGGREGATIONS);

describe.each(LOSSES)('%s', (loss) => {
  test.each(aggregationsOf(loss))(
    'every token masked, %s: loss, gradient and metrics are 0',
    (aggregation) => {
      const options = aggregation === undefined ? {} : { aggregation };
      const given = changed(caseOf(loss), { mask: new Uint8Array(6) }, options);
      for (const evaluate of FORMS) expectNothing(evaluate(given));
    },
  );

  test.each(aggregationsOf(loss))(
    'one sequence masked, %s: it has no gradient and the loss is finite',
    (aggregation) => {
      const options = aggregation === undefined ? {} : { aggregation };
      const given = changed(caseOf(loss), { mask: Uint8Array.of(0, 0, 0, 1, 1, 1) }, options);
      for (const evaluate of FORMS) {
        const { loss: value, gradient } = evaluate(given);
        const slopes = numbersOf(gradient);
        expect(value).toSatisfy(Number.isFinite);
        expect(slopes.every(Number.isFinite)).toBe(true);
        expect(slopes.subarray(0, 27).every((slope) => slope === 0)).toBe(true);
      }
    },
  );

  test('a batch without rows: loss and metrics are 0', () => {
    const { options, batch } = caseOf(loss);
    const none = new Float32Array(0);
    const empty = {
      options,
      batch: {
        logits: tensorOf(none, [0, 3, 9]),
        actions: new Int32Array(0),
        oldLogProbs: none,
        advantages: none,
        mask: new Uint8Array(0),
        chosen: batch.chosen && new Uint8Array(0),
      },
    };
    for (const evaluate of FORMS) expectNothing(evaluate(empty));
  });
});
