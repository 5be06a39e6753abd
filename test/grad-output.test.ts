/** The upstream gradient multiplies ours, sign included, and touches nothing else. */
import { expect, test } from 'vitest';
import { differences, sameBits } from './support/bits.js';
import { LOSSES } from './support/draw.js';
import { drawnBatches } from './support/drawn-cases.js';
import { fieldsOf, numbersOf, oneCall, twoCalls } from './support/product.js';
import { productCase } from './support/product-case.js';
import { drawnViolations } from './support/tolerance.js';

const POWERS_OF_TWO = [2, -1, 0.125, -4];

/** The sign of a zero is free. */
function unsignedZeros(values: Float32Array): Float32Array {
  return values.map((value) => value + 0);
}

test.each(LOSSES)('%s: gradOutput multiplies the gradient, exactly by powers of two', (loss) => {
  for (const { input, reference } of drawnBatches(loss, 10)) {
    const given = productCase(input);
    const plain = oneCall(given, { gradient: 'f32' });
    for (const evaluate of [oneCall, twoCalls]) {
      for (const gradOutput of POWERS_OF_TWO) {
        const scaled = evaluate(given, { gradOutput, gradient: 'f32' });
        const expected = numbersOf(plain.gradient).map((slope) => slope * gradOutput);
        const actual = numbersOf(scaled.gradient);
        expect(sameBits(unsignedZeros(actual), unsignedZeros(expected)), input.meta.name).toBe(true);
        expect(scaled.loss).toBe(plain.loss);
        expect(differences(scaled.tokens, plain.tokens)).toEqual([]);
      }
      const tripled = fieldsOf(evaluate(given, { gradOutput: 3, gradient: 'f32' }));
      const third = Float64Array.from(tripled.grad as Float32Array, (slope) => slope / 3);
      expect(drawnViolations(input, reference, { ...tripled, grad: third })).toEqual([]);
    }
  }
});

test('gradOutput 0: a gradient of zeros, whatever the logits', () => {
  for (const { input } of drawnBatches('grpo', 5)) {
    const gradient = numbersOf(oneCall(productCase(input), { gradOutput: 0 }).gradient);
    expect(gradient.every((slope) => slope === 0)).toBe(true);
  }
});
