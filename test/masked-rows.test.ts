/** Masked rows are never read: whatever lies there, the result has the same bits, and their gradient is 0. */
import { expect, test } from 'vitest';
import { differences } from './support/bits.js';
import { LOSSES } from './support/draw.js';
import { drawnBatches } from './support/drawn-cases.js';
import { flatten, inPlace, numbersOf, oneCall, twoCalls } from './support/product.js';
import { productCase } from './support/product-case.js';
import type { ReferenceInput } from './support/reference/case.js';

/** Fills what belongs to masked tokens; drawn batches hold NaN and -100 there. */
function withMasked(input: ReferenceInput, value: number, action: number): ReferenceInput {
  const { V } = input.meta;
  const filled = (values: Float32Array, width: number) =>
    values.map((old, i) => (input.mask[Math.floor(i / width)] === 0 ? value : old));
  const { oldLogits, refLogp, rolloutWeights, storedProxyLogp } = input;
  return {
    ...input,
    logits: filled(input.logits as Float32Array, V),
    ...(oldLogits && { oldLogits: filled(oldLogits, V) }),
    actions: input.actions.map((old, token) => (input.mask[token] === 0 ? action : old)),
    oldLogp: filled(input.oldLogp, 1),
    advantages: filled(input.advantages, 1),
    ...(refLogp && { refLogp: filled(refLogp, 1) }),
    ...(rolloutWeights && { rolloutWeights: filled(rolloutWeights, 1) }),
    ...(storedProxyLogp && { storedProxyLogp: filled(storedProxyLogp, 1) }),
  };
}

const GARBAGE: [value: number, action: number][] = [
  [Number.NaN, -100],
  [Infinity, 2 ** 31 - 1],
  [-Infinity, -(2 ** 31)],
  [1e38, 0],
];

test.each(LOSSES)('%s: garbage in masked rows changes no bit, and their gradient is 0', (loss) => {
  for (const { input } of drawnBatches(loss, 10, ({ mask }) => mask.includes(0) && mask.includes(1))) {
    const clean = productCase(withMasked(input, -1, 0));
    const result = flatten(twoCalls(clean));
    for (const [value, action] of GARBAGE) {
      const given = productCase(withMasked(input, value, action));
      expect(differences(flatten(twoCalls(given)), result), `${input.meta.name} ${value}`).toEqual([]);
      expect(differences(flatten(oneCall(given)), result), `${input.meta.name} ${value}`).toEqual([]);
      expect(differences(flatten(inPlace(given)), result), `${input.meta.name} ${value}`).toEqual([]);
    }
    const masked = numbersOf(twoCalls(clean).gradient).filter(
      (_, i) => input.mask[Math.floor(i / input.meta.V)] === 0,
    );
    expect(masked.every((slope) => slope === 0)).toBe(true);
  }
});
