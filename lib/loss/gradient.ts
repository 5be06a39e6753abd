import { LpRegError } from '../errors.js';
import { AT, type CallArguments } from '../native/arguments.js';
import { type CheckedLogitsBatch, setMatrix } from '../native/batch-argument.js';
import { DeviceArray } from '../native/device-array.js';
import { DeviceData } from '../tensors/device-data.js';
import { readDtype, requireShape, type TensorView, viewTensor } from '../tensors/layout.js';
import type { AnyTensor, Tensor, TensorData, TensorDtype } from '../tensors/tensor.js';
import { allocate } from './allocate.js';
import { recordOverwrite } from './overwritten.js';

/** Where a gradient goes. */
export interface GradientOptions<Into extends AnyTensor = Tensor> {
  /**
   * Tensor to write the gradient into, of the shape of the logits and any dtype: the logits themselves, which
   * are then consumed, or one that shares no memory with the batch (`ERR_ALIAS`).
   * @default a new tensor
   */
  readonly into?: Into | undefined;
  /** Dtype of a new tensor; an error with `into`, which has its own. @default that of the logits */
  readonly dtype?: TensorDtype | undefined;
}

/** Options of a backward pass of the loss. */
export interface BackwardOptions<Into extends AnyTensor = Tensor> extends GradientOptions<Into> {
  /** Multiplies the gradient. Finite, else `ERR_NON_FINITE_INPUT`. @default 1 */
  readonly gradOutput?: number | undefined;
}

/** No {@link GradientOptions}. */
export const NO_GRADIENT_OPTIONS = { into: undefined, dtype: undefined };

/** No {@link BackwardOptions}. */
export const NO_BACKWARD_OPTIONS = { into: undefined, dtype: undefined, gradOutput: undefined };

/** A gradient about to be computed. */
export interface GradientTarget {
  /** Where it is written. */
  readonly view: TensorView;
  /** What the caller gets: the tensor it gave, or a new one. */
  readonly tensor: AnyTensor;
  readonly inPlace: boolean;
}

/**
 * Checks `into` and `dtype`, allocates a new tensor where there is none, and fills in the arguments of the
 * addon.
 * @throws {LpRegError} As `viewTensor`; `ERR_SHAPE`, `ERR_OPTION_WITHOUT_EFFECT`, `ERR_OUT_OF_MEMORY`.
 */
export function gradientTarget(
  { into, dtype }: Readonly<Record<keyof GradientOptions, unknown>>,
  batch: CheckedLogitsBatch,
  values: CallArguments,
): GradientTarget {
  const target = into === undefined ? newTarget(dtype, batch.logits) : givenTarget(into, dtype, batch);
  setMatrix(values, AT.gradient, target.view);
  values[AT.gradient_owned] = into === undefined;
  return target;
}

function givenTarget(into: unknown, dtype: unknown, batch: CheckedLogitsBatch): GradientTarget {
  if (dtype !== undefined) {
    throw new LpRegError('ERR_OPTION_WITHOUT_EFFECT', 'dtype: has no effect with into, which has its own', {
      argument: 'dtype',
    });
  }
  const { logits } = batch;
  if (into === batch.givenLogits) return { view: logits, tensor: into as AnyTensor, inPlace: true };
  const view = viewTensor(into, 'into');
  requireShape(view, logits.shape, 'into');
  return { view, tensor: into as AnyTensor, inPlace: startAtSamePlace(view.data, logits.data) };
}

function startAtSamePlace(a: TensorView['data'], b: TensorView['data']): boolean {
  if (a instanceof DeviceData || b instanceof DeviceData) {
    return a instanceof DeviceData && b instanceof DeviceData && a.pointer === b.pointer;
  }
  return a.buffer === b.buffer && a.byteOffset === b.byteOffset;
}

/** Runs what writes a gradient; an in-place one is recorded as soon as it has consumed the logits. */
export function consuming<T>(target: GradientTarget, write: () => T): T {
  try {
    const value = write();
    recordConsumed(target);
    return value;
  } catch (error) {
    recordConsumed(target, error);
    throw error;
  }
}

/** {@link consuming} for an asynchronous call. */
export async function consumingLater<T>(target: GradientTarget, write: () => Promise<T>): Promise<T> {
  try {
    const value = await write();
    recordConsumed(target);
    return value;
  } catch (error) {
    recordConsumed(target, error);
    throw error;
  }
}

function recordConsumed({ inPlace, view }: GradientTarget, error?: unknown): void {
  const untouched = error !== undefined && !(error instanceof LpRegError && error.status === 'consumed');
  if (inPlace && !untouched) recordOverwrite(view.data);
}

function newTarget(wanted: unknown, logits: TensorView): GradientTarget {
  const dtype = wanted === undefined ? logits.dtype : readDtype(wanted, 'dtype', 'dtype');
  const shape = [...logits.shape];
  const elements = shape.reduce((a, b) => a * b, 1);
  const data =
    logits.data instanceof DeviceData
      ? DeviceArray.allocate(dtype, elements, { device: logits.data.device })
      : allocate(arrayTypeOf(dtype, logits), elements, 'gradient');
  const tensor = { data, dtype, shape } as AnyTensor;
  return { view: viewTensor(tensor, 'gradient'), tensor, inPlace: false };
}

/** A `Float16Array` only where the logits are one; older engines have none. */
function arrayTypeOf(dtype: TensorDtype, logits: TensorView): new (length: number) => TensorData {
  if (dtype === 'float32') return Float32Array;
  const isFloat16Array = Object.prototype.toString.call(logits.data) === '[object Float16Array]';
  const type = isFloat16Array && dtype === 'float16' ? Reflect.get(globalThis, 'Float16Array') : undefined;
  return type ?? Uint16Array;
}
