/** A softmax moves probability and makes none: every row of the gradient sums to 0. */
import { expect, test } from 'vitest';
import { LOSSES } from './support/draw.js';
import { drawnBatches } from './support/drawn-cases.js';
import { numbersOf, oneCall } from './support/product.js';
import { productCase } from './support/product-case.js';
import { rowSumAllowance } from './support/tolerance.js';

test.each(LOSSES)('%s: rows of the gradient sum to 0 without a soft cap', (loss) => {
  let rowsWithGradient = 0;
  for (const { input } of drawnBatches(loss, 30, ({ meta }) => meta.softcap === undefined)) {
    const gradient = numbersOf(oneCall(productCase(input)).gradient);
    for (let start = 0; start < gradient.length; start += input.meta.V) {
      const row = gradient.subarray(start, start + input.meta.V);
      const sum = row.reduce((partial, slope) => partial + slope, 0);
      expect(Math.abs(sum), input.meta.name).toBeLessThanOrEqual(rowSumAllowance(row));
      if (row.some((slope) => slope !== 0)) rowsWithGradient++;
    }
  }
  expect(rowsWithGradient).toBeGreaterThan(0);
});
