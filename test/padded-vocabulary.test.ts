/** What lies behind the vocabulary does not exist, and what is masked in it stays masked. */
import { describe, expect, test } from 'vitest';
import { PolicyLoss, type Tensor, tokenStatsSync } from '../lib/index.js';
import { buildBatch, EVERY_TERM, onlyOpen } from './support/built-batch.js';
import { thrownBy } from './support/errors.js';
import { fieldsOf, oneCall } from './support/product.js';
import { changed, productCase, tensorOf } from './support/product-case.js';
import { besideOneAllowance, drawnViolations } from './support/tolerance.js';

// https://github.com/verl-project/verl/issues/2656; every residue: row-lengths.*.test.ts
test('lesson 3: a vocabulary that is no multiple of any block has no log-probability above 0', () => {
  for (const V of [127, 129, 1023, 1025, 50_257, 151_936 + 1]) {
    const logits = tensorOf(
      Float32Array.from({ length: V }, (_, v) => (v === V - 1 ? 30 : -5)),
      [1, V],
    );
    const { tokens } = tokenStatsSync({ logits, actions: Int32Array.of(V - 1) });
    expect(tokens.logProbs[0]).toBeLessThanOrEqual(0);
    expect(tokens.logProbs[0]).toBeGreaterThanOrEqual(-besideOneAllowance(0));
    expect(tokens.logSumExp?.[0]).toBeGreaterThanOrEqual(30);
  }
});

// https://github.com/apple/ml-cross-entropy/pull/59, https://github.com/unslothai/unsloth/pull/10616
describe('lesson 5: columns behind the vocabulary do not exist', () => {
  const [V, padded] = [50, 64];
  const { input, reference } = buildBatch({ ...EVERY_TERM, V, B: 1, T: 4, softcap: 10 });

  /** Rows of `padded` elements, of which those behind the vocabulary would win every softmax. */
  function withColumns(columns: number): Tensor {
    const data = new Float32Array(4 * padded).fill(columns);
    for (let t = 0; t < 4; t++) data.set(input.logits.subarray(t * V, t * V + V), t * padded);
    return { data, dtype: 'float32', shape: [1, 4, V], strides: [4 * padded, padded, 1] };
  }

  test.each([1e4, Infinity, Number.NaN, -Infinity])('%d in padded columns changes nothing', (columns) => {
    const given = changed(productCase(input), { logits: withColumns(columns) });
    expect(drawnViolations(input, reference, fieldsOf(oneCall(given)))).toEqual([]);
  });

  test('an action that points at a padded column is an error', () => {
    const actions = input.actions.slice().fill(V, 2, 3);
    const given = changed(productCase(input), { logits: withColumns(1e4), actions });
    const error = thrownBy(() => new PolicyLoss(given.options).forwardSync(given.batch));
    expect(error).toMatchObject({ code: 'ERR_ACTION_RANGE', argument: 'actions', index: 2 });
  });

  test('a soft cap does not revive tokens that are masked with -Infinity', () => {
    const built = buildBatch({
      ...EVERY_TERM,
      V,
      softcap: 5,
      fillRow: onlyOpen((v) => v < 20),
      action: () => 3,
    });
    const result = oneCall(productCase(built.input));
    expect(drawnViolations(built.input, built.reference, fieldsOf(result))).toEqual([]);
    expect(Math.max(...(result.tokens.keepCount as Int32Array))).toBeLessThanOrEqual(20);
  });
});
