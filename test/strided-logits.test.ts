/** Strides, padded vocabularies and unaligned bases are descriptions of memory: no bit of a result depends on them. */
import { describe, expect, test } from 'vitest';
import type { Tensor } from '../lib/index.js';
import { PolicyLoss } from '../lib/index.js';
import { differences } from './support/bits.js';
import { buildBatch, EVERY_TERM } from './support/built-batch.js';
import { encodeHalf } from './support/half.js';
import { flatten, oneCall, twoCalls } from './support/product.js';
import { changed, type ProductCase, productCase, tensorOf } from './support/product-case.js';
import type { GradientType } from './support/tolerance.js';

const [B, T] = [2, 3];

/** Where rows lie: elements before the first, from row to row, and from sequence to sequence. */
interface Layout {
  offset: number;
  row: number;
  sequence: number;
}

const LAYOUTS: [string, (V: number) => Layout][] = [
  ['an odd row stride', (V) => ({ offset: 0, row: V + 1 + (V % 2), sequence: T * (V + 1 + (V % 2)) })],
  [
    'a vocabulary padded to a multiple of 64',
    (V) => ({ offset: 0, row: 64 * Math.ceil(V / 64), sequence: T * 64 * Math.ceil(V / 64) }),
  ],
  ['the first T positions of [B, T + 1, V]', (V) => ({ offset: 0, row: V, sequence: (T + 1) * V })],
  ['the last T positions of [B, T + 1, V]', (V) => ({ offset: V, row: V, sequence: (T + 1) * V })],
  ['a base that is aligned to one element only', (V) => ({ offset: 1, row: V, sequence: T * V })],
  ['all of these at once', (V) => ({ offset: 3, row: V + 5, sequence: (T + 2) * (V + 5) + 1 })],
];

type Elements = Float32Array | Uint16Array;

/** Memory behind a layout, filled with NaN: reading a gap would show. */
function gaps(like: Elements, { offset, row, sequence }: Layout): Elements {
  const length = offset + (B - 1) * sequence + T * row + 7;
  if (like instanceof Float32Array) return new Float32Array(length).fill(Number.NaN);
  return new Uint16Array(length).fill(0x7fff);
}

function rowsOf({ offset, row, sequence }: Layout): number[] {
  return Array.from({ length: B * T }, (_, i) => offset + Math.floor(i / T) * sequence + (i % T) * row);
}

/** A dense tensor in another layout. */
function laidOut(dense: Tensor, layout: Layout): Tensor {
  const V = dense.shape[2] as number;
  const data = dense.data as Elements;
  const memory = gaps(data, layout);
  rowsOf(layout).forEach((start, i) => {
    memory.set(data.subarray(i * V, i * V + V), start);
  });
  return { ...dense, data: memory.subarray(layout.offset), strides: [layout.sequence, layout.row, 1] };
}

/** The whole memory behind a tensor that was laid out. */
function memoryOf({ data }: Tensor): Elements {
  const { buffer } = data;
  return data instanceof Float32Array ? new Float32Array(buffer) : new Uint16Array(buffer);
}

/** A case whose loss reads old logits too, with logits of the given type. */
function caseOf(V: number, type: GradientType): ProductCase {
  const { input } = buildBatch({ ...EVERY_TERM, V, B, T, seed: V });
  const given = productCase(input);
  const oldLogits = {
    ...given.batch.logits,
    data: input.logits.map((z, i) => z + Math.sin(i)) as Float32Array,
  };
  const bits = type === 'f32' ? input.logits : encodeHalf(input.logits, type);
  const logits =
    type === 'f32'
      ? tensorOf(bits, [B, T, V])
      : { ...tensorOf([], [B, T, V], type), data: bits as Uint16Array };
  return changed(given, { logits, oldLogits }, { proxy: 'old' });
}

describe.each(['f32', 'bf16', 'f16'] satisfies GradientType[])('%s', (type) => {
  describe.each([37, 64, 200])('vocabulary of %i', (V) => {
    test.each(LAYOUTS)('%s: logits, old logits and gradient have the bits of dense ones', (_, layoutOf) => {
      const layout = layoutOf(V);
      const dense = caseOf(V, type);
      const expected = oneCall(dense);
      const strided = () =>
        changed(dense, {
          logits: laidOut(dense.batch.logits, layout),
          oldLogits: laidOut(dense.batch.oldLogits as Tensor, layout),
        });

      expect(differences(flatten(oneCall(strided())), flatten(expected))).toEqual([]);
      expect(differences(flatten(twoCalls(strided())), flatten(expected))).toEqual([]);

      const memory = memoryOf(laidOut(expected.gradient, layout));
      const policyLoss = new PolicyLoss(dense.options);
      const inPlace = strided().batch;
      policyLoss.forwardBackwardSync(inPlace, { into: inPlace.logits });
      expect(memoryOf(inPlace.logits)).toEqual(memory);

      const into = laidOut(tensorOf(new Float32Array(B * T * V), [B, T, V], type), layout);
      policyLoss.forwardBackwardSync(dense.batch, { into });
      expect(memoryOf(into)).toEqual(memory);
    });
  });
});
