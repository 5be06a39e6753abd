import type { TensorDtype } from './tensor.js';

/** Element types of device memory. */
export type DeviceDtype = TensorDtype | 'float64' | 'int32' | 'int64' | 'uint8';

/** Memory of a device, as far as the checks of tensors and batches know it. */
export abstract class DeviceData {
  abstract readonly dtype: DeviceDtype;
  /** Elements. */
  abstract readonly length: number;
  /** Ordinal of the CUDA device. */
  abstract readonly device: number;
  /** Address on the device. @throws {LpRegError} `ERR_DISPOSED`. */
  abstract readonly pointer: bigint;
  /** @internal What the addon knows it by. */
  abstract readonly handle: object;
}

/** The addon's argument for an array: device memory by its handle, all else as it is. */
export function arrayArgument(array: unknown): unknown {
  return array instanceof DeviceData ? array.handle : array;
}
