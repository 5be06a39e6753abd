/** The same input in another form gives the same bits. */
import { expect, test } from 'vitest';
import { differences } from './support/bits.js';
import { LOSSES } from './support/draw.js';
import { drawnBatches } from './support/drawn-cases.js';
import { flatten, oneCall, twoCalls } from './support/product.js';
import { changed, productCase } from './support/product-case.js';
import type { ReferenceInput } from './support/reference/case.js';

/** The advantage of each sequence, if its valid tokens share one. */
function perSequence({ advantages, mask, meta }: ReferenceInput): Float32Array | undefined {
  const { B, T } = meta;
  const values = Array.from({ length: B }, (_, b) => {
    const valid = [...advantages.subarray(b * T, b * T + T)].filter((_, t) => mask[b * T + t] === 1);
    return new Set(valid).size > 1 ? undefined : (valid[0] ?? Number.NaN);
  });
  return values.includes(undefined) ? undefined : Float32Array.from(values as number[]);
}

test.each(LOSSES)('%s: int64 actions give what int32 actions give', (loss) => {
  for (const { input } of drawnBatches(loss, 8)) {
    const given = productCase(input);
    const wide = changed(given, { actions: BigInt64Array.from(input.actions, BigInt) });
    expect(differences(flatten(oneCall(wide)), flatten(oneCall(given)))).toEqual([]);
    expect(differences(flatten(twoCalls(wide)), flatten(twoCalls(given)))).toEqual([]);
  }
});

test.each(LOSSES)('%s: one advantage per sequence gives what the same one per token gives', (loss) => {
  const accept = (input: ReferenceInput) => input.meta.T > 1 && perSequence(input) !== undefined;
  for (const { input } of drawnBatches(loss, 8, accept)) {
    const given = productCase(input);
    const short = changed(given, { advantages: perSequence(input) as Float32Array });
    expect(differences(flatten(oneCall(short)), flatten(oneCall(given)))).toEqual([]);
    expect(differences(flatten(twoCalls(short)), flatten(twoCalls(given)))).toEqual([]);
  }
});

test.each(LOSSES)('%s: no mask is a mask of ones, no rollout weights are weights of one', (loss) => {
  const accept = ({ mask, rolloutWeights }: ReferenceInput) =>
    !mask.includes(0) && rolloutWeights === undefined;
  for (const { input } of drawnBatches(loss, 8, accept)) {
    const given = productCase(input);
    const bare = changed(given, { mask: undefined });
    const weighted = changed(given, { rolloutWeights: new Float32Array(input.mask.length).fill(1) });
    expect(differences(flatten(oneCall(bare)), flatten(oneCall(given)))).toEqual([]);
    expect(differences(flatten(oneCall(weighted)), flatten(oneCall(given)))).toEqual([]);
  }
});
