import { LpRegError, type LpRegErrorCode } from '../errors.js';
import { DeviceData } from './device-data.js';
import { describe, fieldReader } from './own-fields.js';
import type { TensorData, TensorDtype } from './tensor.js';

const MOST_SEQUENCES = 2 ** 31;

/** Element types in the order of their numbers in the C ABI. */
export const TENSOR_DTYPES: readonly TensorDtype[] = ['float32', 'float16', 'bfloat16'];

/** A tensor whose description has been checked; its memory is looked at by the addon. */
export interface TensorView {
  readonly data: TensorData | DeviceData;
  readonly dtype: TensorDtype;
  readonly shape: readonly number[];
  /** Elements from one row to the next. */
  readonly rowStride: number;
  /**
   * Elements from one sequence to the next; 0 where there is only one, rows are packed or sequences are
   * dense.
   */
  readonly sequenceStride: number;
  /** Whether `data` may be longer than the shape, because strides were given. */
  readonly strided: boolean;
}

const readFields = fieldReader({
  data: undefined,
  dtype: undefined,
  shape: undefined,
  strides: undefined,
});

/**
 * Checks the description of a tensor.
 * @param argument - The caller's name for it, for errors.
 * @throws {LpRegError} `ERR_TYPE`, `ERR_MISSING`, `ERR_DTYPE`, `ERR_SHAPE`, `ERR_STRIDE`, or
 *   `ERR_OPTION_WITHOUT_EFFECT` for a property that a tensor does not have.
 */
export function viewTensor(value: unknown, argument: string): TensorView {
  const { data, dtype, shape: sizes, strides } = readFields(value, argument);
  const isDeviceData = data instanceof DeviceData;
  if (!isDeviceData && !ArrayBuffer.isView(data)) {
    throw wrong('ERR_TYPE', argument, 'data', 'a typed array or a DeviceArray', data);
  }
  if (isDeviceData && data.dtype !== dtype) throw wrong('ERR_DTYPE', argument, 'dtype', data.dtype, dtype);
  const shape = readShape(sizes, argument);
  const { rowStride, sequenceStride } = readStrides(strides, shape, argument);
  return {
    data: data as TensorData | DeviceData,
    dtype: readDtype(dtype, argument),
    shape,
    rowStride,
    sequenceStride,
    strided: strides !== undefined,
  };
}

/**
 * Throws `ERR_DTYPE` unless `dtype` is one of {@link TENSOR_DTYPES}.
 * @param place - Where the caller wrote it.
 */
export function readDtype(dtype: unknown, argument: string, place = `${argument}.dtype`): TensorDtype {
  const known = TENSOR_DTYPES.find((name) => name === dtype);
  if (known !== undefined) return known;
  const message = `${place}: expected ${TENSOR_DTYPES.join(', ')}, received ${describe(dtype)}`;
  throw new LpRegError('ERR_DTYPE', message, { argument });
}

/** Throws `ERR_SHAPE` unless the tensor has the shape of the logits. */
export function requireShape(tensor: TensorView, shape: readonly number[], argument: string): void {
  if (tensor.shape.length === shape.length && shape.every((size, i) => size === tensor.shape[i])) return;
  throw wrong('ERR_SHAPE', argument, 'shape', `that of the logits, [${shape.join(', ')}]`, tensor.shape);
}

/** Sequences, rows per sequence and vocabulary; packed rows count as one sequence. */
export function sizesOf(shape: readonly number[]): [sequences: number, tokens: number, vocab: number] {
  const [first = 0, second = 0, third] = shape;
  return third === undefined ? [1, first, second] : [first, second, third];
}

function wrong(
  code: LpRegErrorCode,
  argument: string,
  part: string,
  expected: string,
  received: unknown,
): LpRegError {
  const shown = Array.isArray(received) ? `[${received.map(describe).join(', ')}]` : describe(received);
  return new LpRegError(code, `${argument}.${part}: expected ${expected}, received ${shown}`, { argument });
}

/** A copy, so that what has been checked stays. */
function readShape(given: unknown, argument: string): readonly number[] {
  if (!Array.isArray(given)) throw wrong('ERR_TYPE', argument, 'shape', 'an array of numbers', given);
  const shape = [...given];
  const fail = (expected: string) => wrong('ERR_SHAPE', argument, 'shape', expected, shape);
  if (shape.length !== 2 && shape.length !== 3) throw fail('[B, T, V] or [N, V]');
  let elements = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) throw fail('integers from 0');
    elements *= size;
  }
  if (shape.at(-1) === 0) throw fail('a vocabulary of one token at least');
  if (!Number.isSafeInteger(elements)) throw fail('fewer than 2^53 elements');
  // Sequences without tokens take no memory of the caller's: any number of them could be claimed.
  if (sizesOf(shape)[0] >= MOST_SEQUENCES) throw fail('fewer than 2^31 sequences');
  return shape;
}

function readStrides(
  strides: unknown,
  shape: readonly number[],
  argument: string,
): { rowStride: number; sequenceStride: number } {
  const [sequences, tokens, vocab] = sizesOf(shape);
  if (strides === undefined) return { rowStride: vocab, sequenceStride: 0 };
  if (!Array.isArray(strides)) throw wrong('ERR_TYPE', argument, 'strides', 'an array of numbers', strides);
  const fail = (expected: string) => wrong('ERR_STRIDE', argument, 'strides', expected, strides);
  if (strides.length !== shape.length) throw fail(`${shape.length} numbers`);
  if (!strides.every((stride) => Number.isSafeInteger(stride))) throw fail('integers, in elements');
  // A dimension of one element or none never steps, and may have any stride.
  const step = (dimension: number, size: number, unused: number): number =>
    size > 1 ? strides.at(dimension) : unused;
  const rowStride = step(-2, tokens, vocab);
  const sequenceStride = step(-3, sequences, 0);
  if (step(-1, vocab, 1) !== 1) throw fail('1 along the vocabulary');
  if (rowStride < 0 || sequenceStride < 0) throw fail('no negative stride');
  // The C ABI's 0 stands for dense sequences.
  if (sequences > 1 && sequenceStride === 0) throw fail('sequences that do not overlap');
  return { rowStride, sequenceStride };
}
