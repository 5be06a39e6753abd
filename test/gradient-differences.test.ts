/** The gradient is the derivative of the loss; a temperature or soft cap that acts on one pass only would show here. */
import { describe, expect, test } from 'vitest';
import { slopesOf } from './support/central-differences.js';
import { LOSSES } from './support/draw.js';
import { drawnBatches, isSmall, someValid } from './support/drawn-cases.js';
import { numbersOf, twoCalls } from './support/product.js';
import { productCase } from './support/product-case.js';
import type { ReferenceInput } from './support/reference/case.js';
import { slopeAllowance } from './support/tolerance.js';

const BATCHES = process.env.LPREG_TEST_FULL ? 30 : 4;

const CONDITIONS: [string, (input: ReferenceInput) => boolean][] = [
  ['a temperature', ({ meta }) => meta.temperature !== 1 && meta.softcap === undefined],
  ['a soft cap', ({ meta }) => meta.temperature === 1 && meta.softcap !== undefined],
  ['both', ({ meta }) => meta.temperature !== 1 && meta.softcap !== undefined],
];

describe.each(LOSSES)('%s', (loss) => {
  test.each(CONDITIONS)(
    'with %s: the gradient agrees with central differences of the float64 loss',
    (_, holds) => {
      const accept = (input: ReferenceInput) => isSmall(input) && someValid(input) && holds(input);
      for (const { input, reference } of drawnBatches(loss, BATCHES, accept)) {
        const gradient = numbersOf(twoCalls(productCase(input)).gradient);
        const allowed = slopeAllowance(input, reference);
        const wrong = slopesOf(input).filter(
          ({ index, slope }) => !(Math.abs((gradient[index] as number) - slope) <= allowed(index)),
        );
        expect(wrong, input.meta.name).toEqual([]);
      }
    },
  );
});
