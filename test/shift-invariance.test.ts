/** Adding a constant to a row changes nothing: a running maximum that starts at 0, or `z / t` formed first, would show. */
import { expect, test } from 'vitest';
import { differences } from './support/bits.js';
import { LOSSES } from './support/draw.js';
import { drawnBatches } from './support/drawn-cases.js';
import { flatten, oneCall } from './support/product.js';
import { productCase } from './support/product-case.js';
import type { ReferenceInput } from './support/reference/case.js';

/** float32 numbers up to 16384 are multiples of this, so that the shifts below are exact. */
const GRID = 2 ** -10;
const SHIFTS = [1e4, -1e4, 4321, -0.5];

/** Rows back around 0, on the grid. */
function onGrid(logits: Float32Array): Float32Array {
  return logits.map((z) => {
    const near = Math.abs(z) > 5000 && Number.isFinite(z) ? z - Math.sign(z) * 1e4 : z;
    return Number.isFinite(z) ? Math.round(near / GRID) * GRID : z;
  });
}

/** Every row by its own shift; old logits by another. */
function shifted(input: ReferenceInput, turn: number): ReferenceInput {
  const shiftOf = (index: number) =>
    SHIFTS[(Math.floor(index / input.meta.V) + turn) % SHIFTS.length] as number;
  return {
    ...input,
    logits: (input.logits as Float32Array).map((z, index) => z + shiftOf(index)),
    ...(input.oldLogits && { oldLogits: input.oldLogits.map((z, index) => z - shiftOf(index)) }),
  };
}

test.each(LOSSES)('%s: rows shifted by up to 1e4 give the same bits', (loss) => {
  const batches = drawnBatches(loss, 20, ({ meta }) => meta.softcap === undefined);
  for (const [turn, { input }] of batches.entries()) {
    const gridded = {
      ...input,
      logits: onGrid(input.logits as Float32Array),
      ...(input.oldLogits && { oldLogits: onGrid(input.oldLogits) }),
    };
    const result = flatten(oneCall(productCase(gridded)));
    const moved = flatten(oneCall(productCase(shifted(gridded, turn))));
    expect(differences(moved, result), input.meta.name).toEqual([]);
  }
});
