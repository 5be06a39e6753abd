/** TensorFlow.js on the backends that run in Node, and batches of the library as its tensors. */
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect } from 'vitest';
import type { TensorBatch } from '../../lib/adapters/tfjs/index.js';
import type { PolicyLossBatch, Tensor } from '../../lib/index.js';

export const BACKENDS = ['cpu', 'wasm'] as const;

/** Runs tests on each backend. */
export function describeOnBackends(name: string, tests: (backend: (typeof BACKENDS)[number]) => void): void {
  describe.each(BACKENDS)(`${name}, %s backend`, (backend) => {
    beforeAll(async () => {
      expect(await tf.setBackend(backend)).toBe(true);
    });
    tests(backend);
  });
}

/** A matrix as a tensor. */
export function tensorOf({ data, shape }: Tensor): tf.Tensor {
  return tf.tensor(data as Float32Array, [...shape], 'float32');
}

/** A batch whose logits are tensors. */
export function withTensors(batch: PolicyLossBatch): TensorBatch<PolicyLossBatch> & { logits: tf.Tensor } {
  const { logits, oldLogits, ...rest } = batch;
  return { ...rest, logits: tensorOf(logits), ...(oldLogits && { oldLogits: tensorOf(oldLogits) }) };
}

/** Values of a tensor, which is disposed of. */
export function taken(tensor: tf.Tensor): Float32Array {
  const values = tensor.dataSync() as Float32Array;
  tensor.dispose();
  return values;
}
