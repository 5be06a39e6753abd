/** An in-place gradient is the out-of-place one, bit for bit, however many passes the loss takes. */
import { expect, test } from 'vitest';
import { differences } from './support/bits.js';
import { LOSSES } from './support/draw.js';
import { drawnBatches } from './support/drawn-cases.js';
import { encodeHalf } from './support/half.js';
import { flatten, inPlace, oneCall, twoCalls } from './support/product.js';
import { changed, productCase } from './support/product-case.js';
import type { ReferenceInput } from './support/reference/case.js';
import type { GradientType } from './support/tolerance.js';

const TYPES: GradientType[] = ['f32', 'bf16', 'f16'];

function withCopy(input: ReferenceInput, type: GradientType): ReferenceInput {
  return type === 'f32' ? input : { ...input, logits16: encodeHalf(input.logits, type) };
}

test.each(LOSSES)('%s: in place, with and without checkFirst, gives the bits of a new tensor', (loss) => {
  for (const [turn, { input }] of drawnBatches(loss, 24).entries()) {
    const type = TYPES[turn % TYPES.length] as GradientType;
    const given = productCase(withCopy(input, type), type);
    // Rounded logits may lie on a boundary where drawn ones do not; all forms must then decide alike.
    const checked = changed(given, {}, { checkFirst: true });
    const result = flatten(oneCall(given));
    expect(differences(flatten(inPlace(given)), result), input.meta.name).toEqual([]);
    expect(differences(flatten(inPlace(checked)), result), input.meta.name).toEqual([]);
    expect(differences(flatten(oneCall(checked)), result), input.meta.name).toEqual([]);
    expect(differences(flatten(twoCalls(given)), result), input.meta.name).toEqual([]);
  }
});
