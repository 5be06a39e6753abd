import type * as tensorflow from '@tensorflow/tfjs-core';
import {
  type TokenField,
  type TokenResults,
  type TokenStatsBatch,
  type TokenStatsOptions,
  tokenStatsSync,
} from '../../index.js';
import { tensorOver } from './gradient.js';
import { arraysOf, type TensorBatch, tensorIn } from './inputs.js';
import { tf } from './tensorflow.js';

/** A statistic of a token that has a gradient. */
export type DifferentiableField = 'logProbs' | 'entropy' | 'kl';

/** Names of the cotangents. */
const COTANGENTS = {
  logProbs: 'dLogProbs',
  entropy: 'dEntropy',
  kl: 'dKl',
} as const satisfies Record<DifferentiableField, string>;

/** Statistics that TensorFlow.js can differentiate; each has the shape of the rows, `[B, T]` or `[N]`. */
export type DifferentiableTokenStats<Field extends TokenField> = {
  readonly [Name in DifferentiableField & Field]: tensorflow.Tensor;
} & {
  readonly [Name in DifferentiableField]?: tensorflow.Tensor;
} & {
  /** Every statistic that was computed, as an array `[N]`; constants for TensorFlow.js. */
  readonly tokens: TokenResults<Field>;
};

/**
 * `tokenStats` as tensors that TensorFlow.js takes back to the logits: log-probability, entropy and, with a
 * proxy, KL(q‖p) with the proxy as a constant; first derivatives only. Their gradients are computed together,
 * in one pass over the logits, for which an array of these is held.
 *
 * @param batch - As of `tokenStats`. Nothing but the logits is differentiated.
 * @param options - As of `tokenStats`. Of `outputs` those are tensors that have a gradient.
 * @throws {LpRegError} As `tokenStats`; `ERR_DTYPE` and `ERR_SHAPE` for a tensor that does not fit. The pass
 *   backward throws `ERR_NON_FINITE_INPUT` for a cotangent of a valid row that is not finite.
 * @example
 * const { logProbs, entropy } = differentiableTokenStats({ logits, actions, mask });
 */
export function differentiableTokenStats<const Field extends TokenField = 'logProbs' | 'entropy'>(
  batch: TensorBatch<TokenStatsBatch> & { readonly actions: object },
  options?: TokenStatsOptions<Field>,
): DifferentiableTokenStats<Field>;
export function differentiableTokenStats<const Field extends TokenField = 'entropy'>(
  batch: TensorBatch<TokenStatsBatch>,
  options?: TokenStatsOptions<Field>,
): DifferentiableTokenStats<Field>;
export function differentiableTokenStats(
  batch: TensorBatch<TokenStatsBatch>,
  options?: TokenStatsOptions<TokenField>,
): DifferentiableTokenStats<never> {
  const logits = tensorIn(batch, 'logits');
  const stats = tokenStatsSync(arraysOf(batch) as unknown as TokenStatsBatch, options);
  const { tokens } = stats;
  const fields = (Object.keys(COTANGENTS) as DifferentiableField[]).filter((field) => tokens[field]);
  if (fields.length === 0) return { tokens };
  const rows = logits.shape.slice(0, -1);
  // An operation of TensorFlow.js has one result, so that one pass serves all cotangents.
  const stack = tf().customGrad((_logits) => ({
    value: tensorOver(concatenated(fields.map((field) => tokens[field] as Float32Array)), [
      fields.length,
      ...rows,
    ]),
    gradFunc: (gradOutput: tensorflow.Tensor) => {
      const { data } = stats.backwardSync(cotangentsOf(fields, gradOutput.dataSync() as Float32Array));
      return tensorOver(data as Float32Array, logits.shape);
    },
  }));
  const tensors = tf().tidy(() => {
    const stacked = stack(logits);
    // TensorFlow.js cannot differentiate an unstack into one.
    return fields.length === 1 ? [tf().reshape(stacked, rows)] : tf().unstack(stacked);
  });
  return { ...Object.fromEntries(fields.map((field, i) => [field, tensors[i]])), tokens };
}

function concatenated(arrays: readonly Float32Array[]): Float32Array {
  const length = (arrays[0] as Float32Array).length;
  const all = new Float32Array(arrays.length * length);
  arrays.forEach((array, i) => {
    all.set(array, i * length);
  });
  return all;
}

function cotangentsOf(fields: readonly DifferentiableField[], values: Float32Array): object {
  const length = values.length / fields.length;
  return Object.fromEntries(
    fields.map((field, i) => [COTANGENTS[field], values.subarray(i * length, (i + 1) * length)]),
  );
}
