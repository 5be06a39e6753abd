/** Suites over the kernels of the CUDA back end on an emulated device. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe } from 'vitest';
import { DeviceArray, type DeviceDtype, type HostArray } from '../../lib/index.js';

/** Built by the CMake target `lpreg_emulated` of a build with LPREG_EMULATION=ON. */
export const EMULATED_LIBRARY = 'build/emulation/liblpreg_emulated.so';

const path = process.env.LPREG_LIBRARY ?? join(import.meta.dirname, '../..', EMULATED_LIBRARY);

/** Whether the device is emulated: scripts/gpu/check runs these suites with a library for a real one. */
export const isEmulated = basename(path) === basename(EMULATED_LIBRARY);

/**
 * Declares tests over the emulated device; the library must not have been used before.
 * @param settings - Of the emulation (native/emulation/config.h), such as `devices=2`.
 */
export function describeOnDevice(subject: string, declare: () => void, settings?: string): void {
  const isThere = existsSync(path);
  if (isThere) process.env.LPREG_LIBRARY = path;
  if (isThere && settings !== undefined) process.env.LPREG_EMULATION = settings;
  const reason = isThere ? '' : ` (skipped: ${EMULATED_LIBRARY} has not been built)`;
  describe.skipIf(!isThere)(`${subject} on an emulated device${reason}`, declare);
}

/** An array's copy on the device. */
export function onDevice(data: HostArray, dtype: DeviceDtype = dtypeOf(data)): DeviceArray {
  return DeviceArray.from(data, dtype);
}

/** A batch with every array on the device; 16-bit logits have their own dtype. */
export function batchOnDevice<T extends object>(batch: T): T {
  const moved = Object.entries(batch).map(([key, value]) => [key, moveInput(value)]);
  return Object.fromEntries(moved);
}

function moveInput(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return onDevice(value as HostArray);
  if (typeof value !== 'object' || value === null || !('data' in value)) return value;
  const { data, dtype } = value as { data: HostArray; dtype: DeviceDtype };
  return { ...value, data: onDevice(data, dtype) };
}

function dtypeOf(data: HostArray): DeviceDtype {
  if (data instanceof Int32Array) return 'int32';
  if (data instanceof BigInt64Array) return 'int64';
  if (data instanceof Float64Array) return 'float64';
  return data instanceof Uint8Array ? 'uint8' : 'float32';
}
