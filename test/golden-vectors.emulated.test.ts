/** The golden vectors through the TypeScript API and the kernels of the CUDA back end. */
import { expect, test } from 'vitest';
import { type DeviceArray, PolicyLoss, type Tensor } from '../lib/index.js';
import { batchOnDevice, describeOnDevice } from './support/emulated-device.js';
import { fieldsOf } from './support/product.js';
import { productCase } from './support/product-case.js';
import { vectorViolations } from './support/tolerance.js';
import { readVector, vectorNames } from './support/vectors.js';

/** Logits of a vector that an emulated device goes through in a moment. */
const MOST_ELEMENTS = 40_000;
const FEWEST_VECTORS = 30;

const small = vectorNames().filter((name) => {
  const { B, T, V } = readVector(name).meta;
  return B * T * V <= MOST_ELEMENTS;
});

/** A tensor of the device, copied to the host. */
function download(tensor: unknown): Tensor {
  const { data, dtype, shape } = tensor as Tensor & { data: DeviceArray };
  return { data: data.download() as Float32Array, dtype, shape };
}

describeOnDevice('golden vectors', () => {
  test('most vectors are small enough', () => {
    expect(small.length).toBeGreaterThanOrEqual(FEWEST_VECTORS);
  });

  test.each(small)('%s: device tensors are used where they are', (name) => {
    const vector = readVector(name);
    const given = productCase(vector, 'f32');
    const policyLoss = new PolicyLoss(given.options);
    const outputs = policyLoss.tokenFields.filter((field) => !['logSumExp', 'actionIsMax'].includes(field));
    const result = policyLoss.forwardSync(batchOnDevice(given.batch), { outputs });
    expect(result.backend).toBe('cuda');
    const gradient = download(result.backwardSync());
    const { loss, tokens, metrics } = result;
    const fields = fieldsOf({ loss, tokens, gradient, metrics: { ...metrics } } as never);
    expect(vectorViolations(vector, fields, 'f32')).toEqual([]);
  });
});
