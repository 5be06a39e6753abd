/** The order of the sequences changes where results lie, not what they are. */
import { expect, test } from 'vitest';
import { sameBits } from './support/bits.js';
import { LOSSES } from './support/draw.js';
import { drawnBatches } from './support/drawn-cases.js';
import { type Evaluation, numbersOf, oneCall } from './support/product.js';
import { productCase } from './support/product-case.js';
import type { ReferenceInput } from './support/reference/case.js';
import { lossOrderAllowance, type SummedTokens } from './support/tolerance.js';

type Values = Float32Array | Float64Array | Int32Array | Uint8Array | Uint16Array;

/** Blocks of `size` elements in reverse order. */
function reversed<Array extends Values>(values: Array, size: number): Array {
  const blocks = values.length / size;
  return values.map(
    (_, i) => values[(blocks - 1 - Math.floor(i / size)) * size + (i % size)] as number,
  ) as Array;
}

function reverseSequences(input: ReferenceInput): ReferenceInput {
  const { T, V } = input.meta;
  const { meta, tokenCount, sequenceCount, maxLength, sequenceLengths, ...arrays } = input;
  const sizes: Record<string, number> = { logits: T * V, oldLogits: T * V, logits16: T * V };
  const moved = Object.entries(arrays).map(([name, values]) => [name, reversed(values, sizes[name] ?? T)]);
  return {
    ...input,
    ...Object.fromEntries(moved),
    ...(sequenceLengths && { sequenceLengths: reversed(sequenceLengths, 1) }),
  };
}

test.each(LOSSES)('%s: sequences in reverse order give the same tokens and gradients', (loss) => {
  const batches = drawnBatches(
    loss,
    20,
    ({ meta }, { reference }) => meta.B > 1 && !reference.margins.ties.has('selection'),
  );
  for (const { input } of batches) {
    const { T, V, name } = input.meta;
    const straight: Evaluation = oneCall(productCase(input));
    const turned = oneCall(productCase(reverseSequences(input)));
    for (const [field, values] of Object.entries(straight.tokens)) {
      expect(sameBits(reversed(turned.tokens[field] as Values, T), values), `${name} ${field}`).toBe(true);
    }
    const gradient = reversed(numbersOf(turned.gradient), T * V);
    expect(sameBits(gradient, numbersOf(straight.gradient)), name).toBe(true);
    const allowed = lossOrderAllowance(straight.tokens as unknown as SummedTokens);
    expect(Math.abs(turned.loss - straight.loss), name).toBeLessThanOrEqual(allowed);
  }
});
