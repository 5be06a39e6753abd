/** Packed rows are padded ones without the padding: sequences of any length, empty ones included. */
import { expect, test } from 'vitest';
import type { PolicyLossBatch, Tensor } from '../lib/index.js';
import { sameBits } from './support/bits.js';
import { LOSSES } from './support/draw.js';
import { drawnBatches } from './support/drawn-cases.js';
import { type Evaluation, inPlace, numbersOf, oneCall, twoCalls } from './support/product.js';
import { changed, type ProductCase, productCase } from './support/product-case.js';
import { inParts } from './support/product-parts.js';
import type { ReferenceInput } from './support/reference/case.js';

type PerToken = Float32Array | Int32Array | Uint8Array;

/** Tokens up to the last valid one of each sequence; gaps before it stay, masked. */
function unpadded({ mask, meta }: ReferenceInput): number[][] {
  return Array.from({ length: meta.B }, (_, b) => {
    const first = b * meta.T;
    const length = mask.subarray(first, first + meta.T).lastIndexOf(1) + 1;
    return Array.from({ length }, (_, t) => first + t);
  });
}

function pick<Array extends PerToken>(values: Array | undefined, tokens: number[]): Array | undefined {
  return values?.filter((_, token) => tokens.includes(token)) as Array | undefined;
}

function pickRows(tensor: Tensor | undefined, tokens: number[]): Tensor | undefined {
  if (tensor === undefined) return undefined;
  const V = tensor.shape[2] as number;
  const data = (tensor.data as Float32Array).filter((_, i) => tokens.includes(Math.floor(i / V)));
  return { ...tensor, data, shape: [tokens.length, V] };
}

function packed({ options, batch }: ProductCase, sequences: number[][]): ProductCase {
  const tokens = sequences.flat();
  const ends = sequences.map((_, b) => sequences.slice(0, b + 1).flat().length);
  const inputs: Partial<PolicyLossBatch> = {
    logits: pickRows(batch.logits, tokens) as Tensor,
    oldLogits: pickRows(batch.oldLogits, tokens),
    actions: pick(batch.actions as Int32Array, tokens) as Int32Array,
    oldLogProbs: pick(batch.oldLogProbs, tokens) as Float32Array,
    advantages: pick(batch.advantages, tokens) as Float32Array,
    mask: pick(batch.mask, tokens),
    refLogProbs: pick(batch.refLogProbs, tokens),
    rolloutWeights: pick(batch.rolloutWeights, tokens),
    proxyLogProbs: pick(batch.proxyLogProbs, tokens),
    chosen: pick(batch.chosen, tokens),
    cuSeqLens: Int32Array.of(0, ...ends),
  };
  return changed({ options, batch }, inputs);
}

/** `seq-mean-token-sum-norm` divides by the longest sequence where rows are packed. */
function needsFullSequence({ meta, maxLength }: ReferenceInput): boolean {
  return meta.agg === 'seq-mean-token-sum-norm' && maxLength === undefined;
}

function expectSame(result: Evaluation, padded: Evaluation, tokens: number[], V: number, name: string): void {
  expect(result.loss, name).toBe(padded.loss);
  expect(result.metrics, name).toEqual(padded.metrics);
  for (const [field, values] of Object.entries(padded.tokens)) {
    expect(result.tokens[field], `${name} ${field}`).toEqual(pick(values, tokens));
  }
  const rows = numbersOf(padded.gradient).filter((_, i) => tokens.includes(Math.floor(i / V)));
  expect(sameBits(numbersOf(result.gradient), rows), name).toBe(true);
}

test.each(LOSSES)('%s: packed rows give the bits of padded ones', (loss) => {
  const batches = drawnBatches(loss, 16, (input) => {
    const sequences = unpadded(input);
    if (needsFullSequence(input) && !sequences.some(({ length }) => length === input.meta.T)) return false;
    return (
      sequences.some(({ length }) => length < input.meta.T) && input.meta.V < 300 && input.mask.includes(1)
    );
  });
  for (const { input } of batches) {
    const { V, name } = input.meta;
    const sequences = unpadded(input);
    const padded = productCase(input);
    const given = packed(padded, sequences);
    const expected = twoCalls(padded);
    for (const form of [twoCalls, oneCall, inPlace]) {
      expectSame(form(given), expected, sequences.flat(), V, name);
    }
    expectSame(inParts(given), inParts(padded), sequences.flat(), V, name);
  }
});

test('int64 sequence boundaries give what int32 ones give', () => {
  for (const { input } of drawnBatches('gspo', 5, ({ meta }) => meta.B > 1 && meta.V < 300)) {
    const given = packed(productCase(input), unpadded(input));
    const ends = BigInt64Array.from(given.batch.cuSeqLens as Int32Array, BigInt);
    expect(oneCall(changed(given, { cuSeqLens: ends }))).toEqual(oneCall(given));
  }
});
