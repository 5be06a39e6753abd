/** A batch to measure with: actions sampled from the logits, as rollouts do, and an old policy that is close. */
import type { TensorDtype } from '../tensors/tensor.js';
import { type Distribution, drawLogits } from './draw-logits.js';
import { encode } from './half-bits.js';
import { Random } from './random.js';

/** `[B, T, V]`. */
export type Shape = readonly [sequences: number, tokens: number, vocab: number];

/** What a batch is drawn from. */
export interface BatchRecipe {
  readonly shape: Shape;
  readonly dtype: TensorDtype;
  readonly distribution: Distribution;
  readonly seed: number;
}

/** Everything of a batch but its logits, of which there are only the distinct rows. */
export interface DrawnBatch {
  /** `[distinct, V]`; row `i` of the batch is row `i % distinct` of these. */
  readonly distinctLogits: Float32Array | Uint16Array;
  readonly actions: Int32Array;
  readonly oldLogProbs: Float32Array;
  /** Half of them negative. */
  readonly advantages: Float32Array;
}

/** Drawing is slow in JavaScript, and repeated rows cost a kernel the same as new ones: they lie elsewhere in memory. */
const MAX_DISTINCT_ELEMENTS = 2 ** 23;
const OLD_POLICY_DEVIATION = 0.1;

/** The same recipe gives the same batch. */
export function drawBatch({ shape, dtype, distribution, seed }: BatchRecipe): DrawnBatch {
  const [sequences, tokens, vocab] = shape;
  const rows = sequences * tokens;
  const distinct = Math.min(rows, Math.max(1, Math.floor(MAX_DISTINCT_ELEMENTS / vocab)));
  const logits = drawLogits(distribution, distinct, vocab, seed);
  const random = new Random(seed + 1);
  const actions = new Int32Array(rows);
  const oldLogProbs = new Float32Array(rows);
  for (let row = 0; row < distinct; row++) {
    const cumulative = cumulativeMass(logits.subarray(row * vocab, (row + 1) * vocab));
    for (let copy = row; copy < rows; copy += distinct) {
      const action = sample(cumulative, random.uniform());
      actions[copy] = action;
      oldLogProbs[copy] = Math.min(logMass(cumulative, action) + OLD_POLICY_DEVIATION * random.normal(), 0);
    }
  }
  const advantages = Float32Array.from({ length: rows }, () => random.normal());
  return { distinctLogits: encode(logits, dtype), actions, oldLogProbs, advantages };
}

function cumulativeMass(row: Float32Array): Float64Array {
  const max = row.reduce((a, b) => Math.max(a, b));
  const cumulative = new Float64Array(row.length);
  let sum = 0;
  for (let v = 0; v < row.length; v++) {
    sum += Math.exp((row[v] as number) - max);
    cumulative[v] = sum;
  }
  return cumulative;
}

/** The first token whose cumulative mass exceeds a uniform draw. */
function sample(cumulative: Float64Array, uniform: number): number {
  const target = uniform * (cumulative.at(-1) as number);
  let [low, high] = [0, cumulative.length - 1];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((cumulative[middle] as number) > target) high = middle;
    else low = middle + 1;
  }
  return low;
}

function logMass(cumulative: Float64Array, token: number): number {
  const below = token === 0 ? 0 : (cumulative[token - 1] as number);
  return Math.log(((cumulative[token] as number) - below) / (cumulative.at(-1) as number));
}
