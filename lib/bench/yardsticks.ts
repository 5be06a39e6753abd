/** What memory traffic alone costs here, with the same threads as the loss. */
import { addon } from '../native/binding.js';
import { unwrap } from '../native/failure.js';
import type { TensorData } from '../tensors/tensor.js';

/** Milliseconds of a memcpy by as many threads, each copying one contiguous share. */
export function copyTime(target: TensorData, source: TensorData, threads: number): number {
  return unwrap(addon().copyTime(target, source, threads));
}

/** Milliseconds of negating every element in place: what scaling in place costs. */
export function negateTime(data: TensorData, threads: number): number {
  return unwrap(addon().negateTime(data, threads));
}
