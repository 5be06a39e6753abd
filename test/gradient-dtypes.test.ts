/** A 16-bit gradient is the float32 one rounded once, whatever the type of the logits. */
import { describe, expect, test } from 'vitest';
import type { Tensor } from '../lib/index.js';
import { differences, sameBits } from './support/bits.js';
import { LOSSES } from './support/draw.js';
import { drawnBatches } from './support/drawn-cases.js';
import { decodeHalf, encodeHalf } from './support/half.js';
import { flatten, numbersOf, oneCall, twoCalls } from './support/product.js';
import { changed, type ProductCase, productCase, tensorOf } from './support/product-case.js';
import { inParts } from './support/product-parts.js';
import type { ReferenceInput } from './support/reference/case.js';
import type { GradientType } from './support/tolerance.js';

const HALVES = ['bf16', 'f16'] as const;
const TYPES = ['f32', 'bf16', 'f16'] as const;

type Form = (given: ProductCase, gradient: GradientType) => Tensor;

const FORMS: Form[] = [
  (given, gradient) => oneCall(given, { gradient }).gradient,
  (given, gradient) => twoCalls(given, { gradient }).gradient,
  (given, gradient) => inParts(given, gradient).gradient,
];

function caseOf(input: ReferenceInput, type: GradientType): ProductCase {
  const { B, T, V } = input.meta;
  return changed(productCase(input), { logits: tensorOf(input.logits, [B, T, V], type) });
}

describe.each(TYPES)('%s logits', (logits) => {
  test.each(LOSSES)('%s: 16-bit gradients are one rounding of the float32 gradient', (loss) => {
    for (const { input } of drawnBatches(loss, 5)) {
      const given = caseOf(input, logits);
      for (const evaluate of FORMS) {
        const single = numbersOf(evaluate(given, 'f32'));
        for (const half of HALVES) {
          expect(sameBits(evaluate(given, half).data, encodeHalf(single, half)), half).toBe(true);
        }
      }
    }
  });
});

test.each(HALVES)('%s logits have the result of the float32 logits that they stand for', (half) => {
  for (const loss of LOSSES) {
    for (const { input } of drawnBatches(loss, 6)) {
      const rounded = { ...input, logits: decodeHalf(encodeHalf(input.logits, half), half) };
      const wide = oneCall(productCase(rounded), { gradient: 'f32' });
      const narrow = oneCall(caseOf(rounded, half), { gradient: 'f32' });
      expect(differences(flatten(narrow), flatten(wide)), input.meta.name).toEqual([]);
    }
  }
});
