import { LpRegError } from '../errors.js';
import { DeviceData, type DeviceDtype } from '../tensors/device-data.js';
import { describe } from '../tensors/own-fields.js';
import { addon } from './binding.js';
import { guarded } from './failure.js';

/** Element types, the arrays that hold them on the host, and their numbers in Node-API. */
const ARRAY_TYPES = {
  float32: { type: Float32Array, number: 7 },
  float16: { type: Uint16Array, number: 4 },
  bfloat16: { type: Uint16Array, number: 4 },
  float64: { type: Float64Array, number: 8 },
  int32: { type: Int32Array, number: 5 },
  int64: { type: BigInt64Array, number: 9 },
  uint8: { type: Uint8Array, number: 1 },
} as const satisfies Record<DeviceDtype, object>;

/** An array on the host with the elements of a {@link DeviceArray}; 16-bit floats as their bits. */
export type HostArray = Float32Array | Uint16Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;

/** Where memory is allocated. */
export interface DeviceOptions {
  /** Ordinal of the CUDA device, from 0. @default 0 */
  readonly device?: number | undefined;
}

/** Memory that belongs to somebody else. */
export interface WrappedPointer {
  /** Address of device memory, which must hold `length` elements for as long as the array is used. */
  readonly pointer: bigint;
  readonly dtype: DeviceDtype;
  readonly length: number;
  /** CUDA stream in whose order the memory is used, as an address. @default the default stream */
  readonly stream?: bigint | undefined;
}

/**
 * Memory of a CUDA device: takes the place of a typed array in tensors and batches.
 *
 * Asynchronous calls use it where it is: it must not change until their promise settles. Disposing it
 * meanwhile is safe; the memory is freed after the last call over it.
 *
 * @example
 * using data = DeviceArray.from(logits.data, 'bfloat16');
 * const onDevice = { data, dtype: 'bfloat16', shape: [B, T, V] };
 * policyLoss.forwardBackwardSync({ ...batch, logits: onDevice }, { into: onDevice });
 */
export class DeviceArray extends DeviceData implements Disposable {
  readonly dtype: DeviceDtype;
  readonly length: number;
  readonly device: number;
  /** @internal */
  readonly handle: object;

  private constructor(dtype: DeviceDtype, length: number, handle: object) {
    super();
    this.dtype = dtype;
    this.length = length;
    this.handle = handle;
    this.device = guarded(() => addon().deviceFacts(handle)).device;
  }

  /**
   * Allocates memory, whose content is undefined. It is freed by {@link dispose}, or when the array has been
   * collected.
   * @throws {LpRegError} `ERR_BACKEND_UNAVAILABLE`, `ERR_OUT_OF_MEMORY`, `ERR_TYPE`, `ERR_DTYPE`, `ERR_SHAPE`,
   *   `ERR_OPTION` for a device that does not exist.
   */
  static allocate(dtype: DeviceDtype, length: number, { device = 0 }: DeviceOptions = {}): DeviceArray {
    const { number } = arrayType(dtype);
    requireLength(length);
    return new DeviceArray(
      dtype,
      length,
      guarded(() => addon().deviceAllocate(device, number, length)),
    );
  }

  /**
   * Copies an array to a device.
   * @throws {LpRegError} As {@link allocate} and {@link upload}.
   */
  static from(data: HostArray, dtype: DeviceDtype, options?: DeviceOptions): DeviceArray {
    requireHostArray(data, dtype, data?.length);
    return DeviceArray.allocate(dtype, data.length, options).upload(data);
  }

  /**
   * Uses memory of somebody else's, such as a tensor of another library. Nothing but its device can be checked:
   * a wrong address, length or lifetime ends in wrong results or the loss of the device.
   * @throws {LpRegError} `ERR_OPTION` for an address of no device, `ERR_TYPE`, `ERR_DTYPE`, `ERR_SHAPE`,
   *   `ERR_BACKEND_UNAVAILABLE`.
   */
  static unsafeWrapPointer({ pointer, dtype, length, stream = 0n }: WrappedPointer): DeviceArray {
    const { number } = arrayType(dtype);
    requireLength(length);
    return new DeviceArray(
      dtype,
      length,
      guarded(() => addon().deviceWrap(pointer, number, length, stream)),
    );
  }

  /** @internal Memory that the addon has allocated. */
  static ofHandle(dtype: DeviceDtype, handle: object): DeviceArray {
    return new DeviceArray(dtype, guarded(() => addon().deviceFacts(handle)).length, handle);
  }

  /** @throws {LpRegError} `ERR_DISPOSED`. */
  get pointer(): bigint {
    return guarded(() => addon().deviceFacts(this.handle)).pointer;
  }

  /**
   * Overwrites the whole array.
   * @returns This array.
   * @throws {LpRegError} `ERR_DISPOSED`, `ERR_DTYPE`, `ERR_SHAPE`, `ERR_DETACHED`, `ERR_DEVICE`.
   */
  upload(data: HostArray): this {
    requireHostArray(data, this.dtype, this.length);
    guarded(() => addon().deviceUpload(this.handle, data));
    return this;
  }

  /**
   * Copies the whole array to the host, once the work before it on its stream is done.
   * @throws {LpRegError} `ERR_DISPOSED`, `ERR_OUT_OF_MEMORY`, `ERR_DEVICE`.
   */
  download(): HostArray {
    const { type } = arrayType(this.dtype);
    const data = allocate<HostArray>(type, this.length);
    guarded(() => addon().deviceDownload(this.handle, data));
    return data;
  }

  /** Frees the memory, once the calls that use it have ended. A later use is `ERR_DISPOSED`. */
  dispose(): void {
    guarded(() => addon().deviceDispose(this.handle));
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function arrayType(dtype: DeviceDtype) {
  if (Object.hasOwn(ARRAY_TYPES, dtype)) return ARRAY_TYPES[dtype];
  const message = `dtype: expected ${Object.keys(ARRAY_TYPES).join(', ')}, received ${describe(dtype)}`;
  throw new LpRegError('ERR_DTYPE', message, { argument: 'dtype' });
}

function requireLength(length: number): void {
  if (Number.isSafeInteger(length) && length >= 0) return;
  const message = `length: expected an integer from 0, received ${describe(length)}`;
  throw new LpRegError('ERR_SHAPE', message, { argument: 'length' });
}

function requireHostArray(data: HostArray, dtype: DeviceDtype, length: number): void {
  const { type } = arrayType(dtype);
  const fail = (code: 'ERR_DTYPE' | 'ERR_SHAPE', expected: string) =>
    new LpRegError(code, `data: expected ${expected}, received ${describe(data)}`, { argument: 'data' });
  const isFloat16Array = Object.prototype.toString.call(data) === '[object Float16Array]';
  if (!(data instanceof type) && !(isFloat16Array && dtype === 'float16'))
    throw fail('ERR_DTYPE', `a ${type.name}`);
  if (data.length !== length) throw fail('ERR_SHAPE', `${length} elements`);
}

function allocate<T>(type: new (length: number) => T, length: number): T {
  try {
    return new type(length);
  } catch (cause) {
    throw new LpRegError('ERR_OUT_OF_MEMORY', `download: no memory for ${length} elements`, { cause });
  }
}
