/** What memory traffic alone costs here, with the same threads as the loss. */
import { addon } from '../native/binding.js';
import { guarded } from '../native/failure.js';
import type { TensorData } from '../tensors/tensor.js';

/** Milliseconds of a memcpy by as many threads, each copying one contiguous share. */
export function copyTime(target: TensorData, source: TensorData, threads: number): number {
  return guarded(() => addon().copyTime(target, source, threads));
}

/** Milliseconds of negating every element in place: what scaling in place costs. */
export function negateTime(data: TensorData, threads: number): number {
  return guarded(() => addon().negateTime(data, threads));
}
