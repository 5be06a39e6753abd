import { LpRegError } from '../errors.js';
import type { Allocate } from '../native/addon-types.js';

/**
 * A zeroed typed array.
 * @throws {LpRegError} `ERR_OUT_OF_MEMORY`.
 */
export function allocate<T>(type: new (length: number) => T, length: number, purpose: string): T {
  try {
    return new type(length);
  } catch (cause) {
    throw new LpRegError('ERR_OUT_OF_MEMORY', `${purpose}: no memory for ${length} elements`, { cause });
  }
}

const ARRAY_TYPES = { BigInt64Array, Float32Array, Int32Array, Uint8Array };

/** What the addon allocates its workspaces and results with. */
export const allocateByName: Allocate = (type, length) =>
  allocate<ArrayBufferView>(ARRAY_TYPES[type], length, 'workspace');
