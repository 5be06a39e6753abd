import type * as tensorflow from '@tensorflow/tfjs-core';
import { LpRegError, type LpRegErrorCode } from '../../errors.js';
import { type Fields, ownFields } from '../../tensors/own-fields.js';
import type { Tensor } from '../../tensors/tensor.js';
import { tf } from './tensorflow.js';

/** What stands for an input of the library: a tensor for a matrix, a tensor or an array for an array. */
export type TensorInput<T> = T extends Tensor
  ? tensorflow.Tensor
  : T extends ArrayBufferView
    ? T | tensorflow.Tensor
    : T;

/**
 * A batch of the library in which tensors of TensorFlow.js take the place of arrays.
 *
 * Logits are float32 `[B, T, V]`, or `[N, V]` for packed rows. Tensors per token are `[N]` or of the shape of
 * the rows, `[B, T]`: float32, actions and `cuSeqLens` int32, masks bool or int32.
 */
export type TensorBatch<Batch> = { readonly [Key in keyof Batch]: TensorInput<Batch[Key]> };

const MATRICES = ['logits', 'oldLogits'];
const FLAGS = ['mask', 'chosen', 'actionIsMax'];
const INDICES = ['actions', 'cuSeqLens', 'keepCount'];

/** Fields of a batch, with the typed arrays of its tensors. Those of the cpu backend are not copied. */
export function arraysOf(batch: unknown, parent = ''): Record<string, unknown> {
  const fields = ownFields(batch, parent === '' ? 'batch' : parent);
  const rows = rowShape(fields);
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => {
      const argument = parent === '' ? key : `${parent}.${key}`;
      if (MATRICES.includes(key)) return [key, matrixOf(value, argument)];
      if (!(value instanceof tf().Tensor)) return [key, value];
      if (value.rank > 1 && rows !== undefined) requireShape(value, rows, argument);
      return [key, arrayOf(value, key, argument)];
    }),
  );
}

/** The tensor of a batch that is differentiated. */
export function tensorIn(batch: unknown, key: string, argument = key): tensorflow.Tensor {
  const { Tensor } = tf();
  const value = ownFields(batch, 'batch')[key];
  if (value instanceof Tensor) return value;
  throw value === undefined
    ? failure('ERR_MISSING', argument, 'a batch needs them')
    : failure('ERR_TYPE', argument, 'expected a tensor of TensorFlow.js');
}

function rowShape({ logits }: Fields): readonly number[] | undefined {
  return logits instanceof tf().Tensor ? logits.shape.slice(0, -1) : undefined;
}

function matrixOf(value: unknown, argument: string): Tensor {
  if (!(value instanceof tf().Tensor))
    throw failure('ERR_TYPE', argument, 'expected a tensor of TensorFlow.js');
  requireDtype(value, ['float32'], argument);
  return { data: valuesOf(value, argument) as Float32Array, dtype: 'float32', shape: value.shape };
}

function arrayOf(tensor: tensorflow.Tensor, key: string, argument: string): ArrayBufferView {
  if (FLAGS.includes(key)) {
    requireDtype(tensor, ['bool', 'int32'], argument);
    const values = valuesOf(tensor, argument);
    // Other values stay wrong, so that the library names the first of them.
    return values instanceof Uint8Array
      ? values
      : Uint8Array.from(values, (flag) => (flag >>> 0 > 1 ? 2 : flag));
  }
  if (key === 'sequenceLengths') return Float64Array.from(valuesOf(tensor, argument));
  requireDtype(tensor, [INDICES.includes(key) ? 'int32' : 'float32'], argument);
  return valuesOf(tensor, argument);
}

function valuesOf(tensor: tensorflow.Tensor, argument: string): Float32Array | Int32Array | Uint8Array {
  if (tensor.isDisposed) throw failure('ERR_DISPOSED', argument, 'this tensor has been disposed of');
  return tensor.dataSync() as Float32Array | Int32Array | Uint8Array;
}

function requireDtype(tensor: tensorflow.Tensor, dtypes: readonly string[], argument: string): void {
  if (dtypes.includes(tensor.dtype)) return;
  throw failure(
    'ERR_DTYPE',
    argument,
    `expected a tensor of ${dtypes.join(' or ')}, received ${tensor.dtype}`,
  );
}

function requireShape(tensor: tensorflow.Tensor, shape: readonly number[], argument: string): void {
  if (tensor.rank === shape.length && shape.every((size, i) => size === tensor.shape[i])) return;
  const expected = `expected that of the rows, [${shape.join(', ')}], received [${tensor.shape.join(', ')}]`;
  throw failure('ERR_SHAPE', argument, expected);
}

function failure(code: LpRegErrorCode, argument: string, message: string): LpRegError {
  return new LpRegError(code, `${argument}: ${message}`, { argument });
}
