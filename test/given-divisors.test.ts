/** A given divisor is used exactly; a counted one has the epsilon of docs/semantics.md §4 added, and nothing else. */
import { expect, test } from 'vitest';
import { differences } from './support/bits.js';
import { buildBatch } from './support/built-batch.js';
import { flatten, oneCall } from './support/product.js';
import { changed, productCase } from './support/product-case.js';
import { COUNT_EPSILON, DOUBLE_ULP } from './support/tolerance.js';

const DIVISOR = 5;

/** Inputs that make every aggregation of one sequence divide by the same number. */
const SAME_DIVISOR = {
  'token-mean': { tokenCount: DIVISOR },
  'seq-mean-token-sum': { sequenceCount: DIVISOR },
  'seq-mean-token-mean': { sequenceCount: 1, sequenceLengths: [DIVISOR] },
  'seq-mean-token-sum-norm': { maxLength: DIVISOR },
};

test('the same divisor given to every aggregation gives the same bits', () => {
  const given = productCase(buildBatch({ B: 1, T: 7, extras: { entropy_coef: 0.1 } }).input);
  const [first, ...others] = Object.entries(SAME_DIVISOR).map(([aggregation, inputs]) =>
    flatten(oneCall(changed(given, inputs, { aggregation }))),
  );
  for (const other of others) expect(differences(other, first as object)).toEqual([]);
});

test.each(['token-mean', 'seq-mean-token-mean'])(
  '%s: a counted divisor of 1 is 1 + epsilon',
  (aggregation) => {
    const given = changed(productCase(buildBatch({ B: 1, T: 1 }).input), {}, { aggregation });
    const inputs =
      aggregation === 'token-mean' ? { tokenCount: 1 } : { sequenceCount: 1, sequenceLengths: [1] };
    const counted = oneCall(given).loss;
    const exact = oneCall(changed(given, inputs)).loss;
    expect(exact).not.toBe(0);
    expect(Math.abs(counted / exact - 1 / (1 + COUNT_EPSILON))).toBeLessThanOrEqual(DOUBLE_ULP);
  },
);
