import type { DeviceData } from './device-data.js';

/** Element types of logits and gradients. */
export type TensorDtype = 'float32' | 'float16' | 'bfloat16';

/** A `Float16Array`, where the JavaScript engine has it. */
export interface Float16ArrayLike extends ArrayBufferView {
  readonly length: number;
  readonly [Symbol.toStringTag]: 'Float16Array';
}

/**
 * Memory of a tensor. 16-bit elements are bit patterns in a `Uint16Array`; float16 also fits a
 * `Float16Array`.
 */
export type TensorData = Float32Array | Uint16Array | Float16ArrayLike;

/**
 * Logits or their gradient: a plain object over a typed array. The first element of `data` is element `[0, 0,
 * 0]`.
 *
 * @example
 * const logits = { data: new Float32Array(B * T * V), dtype: 'float32', shape: [B, T, V] };
 * @example
 * // The first T positions of [B, T + 1, P] with a padded vocabulary P > V, without a copy:
 * const slice = { data, dtype: 'bfloat16', shape: [B, T, V], strides: [(T + 1) * P, P, 1] };
 */
export interface Tensor {
  /**
   * `Float32Array` for float32, `Uint16Array` for bfloat16, `Uint16Array` or `Float16Array` for float16. It
   * may be a view of a `SharedArrayBuffer`, which asynchronous calls then use without a copy.
   */
  readonly data: TensorData;
  /** Checked when used (`ERR_DTYPE`); `string` is accepted so that literals need no `as const`. */
  readonly dtype: TensorDtype | (string & Record<never, never>);
  /** `[B, T, V]` for a padded batch, `[N, V]` for packed rows. */
  readonly shape: readonly number[];
  /**
   * Elements from one index to the next along each dimension. The last is 1; rows and sequences may have gaps
   * between them but not overlap.
   * @default dense, in the order of `shape`
   */
  readonly strides?: readonly number[] | undefined;
}

/** {@link Tensor} in the memory of a CUDA device. */
export interface DeviceTensor extends Omit<Tensor, 'data'> {
  /** A `DeviceArray` of the tensor's dtype. */
  readonly data: DeviceData;
}

/** Logits or their gradient, wherever they are. */
export type AnyTensor = Tensor | DeviceTensor;

/**
 * A batch whose logits are in the memory of a CUDA device. Its other arrays may be `DeviceArray`s of the same
 * device; those of the host are copied there in each call.
 */
export type OnDevice<T> = T extends Tensor
  ? DeviceTensor
  : T extends ArrayBufferView
    ? T | DeviceData
    : T extends readonly unknown[]
      ? T
      : T extends object
        ? { readonly [Key in keyof T]: OnDevice<T[Key]> }
        : T;
