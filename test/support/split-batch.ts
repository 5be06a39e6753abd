/** One batch cut into several calls, along its sequences or along its positions. */
import type { PolicyLossBatch, Tensor } from '../../lib/index.js';
import type { ProductCase } from './product-case.js';

type PerToken = Float32Array | Int32Array | Uint8Array;

/** A part of a batch, and which tokens of the whole it has. */
export interface Part {
  given: ProductCase;
  tokens: readonly number[];
}

function tokensOf(B: readonly number[], T: readonly number[], width: number): number[] {
  return B.flatMap((b) => T.map((t) => b * width + t));
}

function pick<Array extends PerToken>(
  values: Array | undefined,
  tokens: readonly number[],
): Array | undefined {
  if (values === undefined) return undefined;
  const picked = new (values.constructor as new (length: number) => Array)(tokens.length);
  tokens.forEach((token, i) => {
    picked[i] = values[token] as number;
  });
  return picked;
}

/** A view of some sequences and positions, without a copy: row and sequence strides stay those of the whole. */
function slice(tensor: Tensor | undefined, sequences: readonly number[], positions: readonly number[]) {
  if (tensor === undefined) return undefined;
  const [, T, V] = tensor.shape as [number, number, number];
  const data = tensor.data as Float32Array | Uint16Array;
  const first = ((sequences[0] as number) * T + (positions[0] as number)) * V;
  return {
    ...tensor,
    data: data.subarray(first),
    shape: [sequences.length, positions.length, V],
    strides: [T * V, V, 1],
  };
}

/** The call for the given sequences and positions; what it is to be divided by has to be added. */
function partOf(
  { options, batch }: ProductCase,
  sequences: readonly number[],
  positions: readonly number[],
): Part {
  const tokens = tokensOf(sequences, positions, batch.logits.shape[1] as number);
  const part: PolicyLossBatch = {
    logits: slice(batch.logits, sequences, positions) as Tensor,
    oldLogits: slice(batch.oldLogits, sequences, positions),
    actions: pick(batch.actions as Int32Array, tokens) as Int32Array,
    oldLogProbs: pick(batch.oldLogProbs, tokens) as Float32Array,
    advantages: pick(batch.advantages, tokens) as Float32Array,
    mask: pick(batch.mask, tokens),
    refLogProbs: pick(batch.refLogProbs, tokens),
    rolloutWeights: pick(batch.rolloutWeights, tokens),
    proxyLogProbs: pick(batch.proxyLogProbs, tokens),
    chosen: pick(batch.chosen, tokens),
    probThreshold: batch.probThreshold,
  };
  return { given: { options, batch: part }, tokens };
}

function halves(size: number): [number[], number[]] {
  const all = Array.from({ length: size }, (_, i) => i);
  return [all.slice(0, Math.ceil(size / 2)), all.slice(Math.ceil(size / 2))];
}

/** Parts of so many sequences each; what is left is the last one. */
export function splitInto(given: ProductCase, sizes: readonly number[]): Part[] {
  const [B, T] = given.batch.logits.shape as [number, number];
  const positions = [...Array(T).keys()];
  const begins = [0];
  for (const size of sizes) begins.push((begins.at(-1) as number) + size);
  return begins.map((begin, i) => {
    const end = begins[i + 1] ?? B;
    return partOf(
      given,
      Array.from({ length: end - begin }, (_, b) => begin + b),
      positions,
    );
  });
}

/** The first half of the sequences, and the rest. */
export function splitSequences(given: ProductCase): Part[] {
  return splitInto(given, [Math.ceil((given.batch.logits.shape[0] as number) / 2)]);
}

/** The first half of every sequence, and the rest: sequences that go on in another call. */
export function splitPositions(given: ProductCase): Part[] {
  const [B, T] = given.batch.logits.shape as [number, number];
  const sequences = [...Array(B).keys()];
  return halves(T).map((positions) => partOf(given, sequences, positions));
}
