import type * as tensorflow from '@tensorflow/tfjs-core';
import { LpRegError } from '../../errors.js';
import { tf } from './tensorflow.js';

/** Whether TensorFlow.js is recording operations to differentiate them. */
export function wantsGradient(): boolean {
  return tf().engine().isTapeOn();
}

/** A tensor over an array, which the cpu backend does not copy. */
export function tensorOver(data: Float32Array, shape: readonly number[]): tensorflow.Tensor {
  return tf().tensor(data, [...shape], 'float32');
}

/**
 * The gradient of a scalar times what comes down from above, `gradOutput`.
 * @throws {LpRegError} `ERR_NON_FINITE_INPUT` unless that is finite.
 */
export function scaledGradient(
  gradient: Float32Array,
  shape: readonly number[],
  gradOutput: tensorflow.Tensor,
): tensorflow.Tensor {
  const factor = gradOutput.dataSync()[0] as number;
  if (!Number.isFinite(factor)) {
    const message = `gradOutput: expected a finite number, received ${factor}`;
    throw new LpRegError('ERR_NON_FINITE_INPUT', message, { argument: 'gradOutput' });
  }
  return tensorOver(factor === 1 ? gradient : scaled(gradient, factor), shape);
}

/** A copy: a tape may be taken backward twice. A plain loop, since a callback per element costs several times more. */
function scaled(values: Float32Array, factor: number): Float32Array {
  const result = new Float32Array(values.length);
  for (let i = 0; i < result.length; i++) result[i] = (values[i] as number) * factor;
  return result;
}
