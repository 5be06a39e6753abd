/** The golden vectors through the TypeScript API and the kernels of the CUDA back end. */
import { describe, expect, test } from 'vitest';
import { type DeviceArray, PolicyLoss, type Tensor } from '../lib/index.js';
import { differences } from './support/bits.js';
import { batchOnDevice, describeOnDevice } from './support/emulated-device.js';
import { fieldsOf, flatten, inPlace, oneCall, twoCalls } from './support/product.js';
import { changed, productCase } from './support/product-case.js';
import { vectorViolations } from './support/tolerance.js';
import { readVector, vectorNames } from './support/vectors.js';

/** Logits of a vector that an emulated device goes through in a moment. */
const MOST_ELEMENTS = process.env.LPREG_TEST_FULL ? Infinity : 40_000;
const FEWEST_VECTORS = 30;

const chosen = vectorNames().filter((name) => {
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
    expect(chosen.length).toBeGreaterThanOrEqual(FEWEST_VECTORS);
  });

  describe.each(chosen)('%s', (name) => {
    const vector = readVector(name);
    const given = productCase(vector, 'f32');

    test('device tensors are used where they are', () => {
      const policyLoss = new PolicyLoss(given.options);
      const outputs = policyLoss.tokenFields.filter((field) => !['logSumExp', 'actionIsMax'].includes(field));
      const result = policyLoss.forwardSync(batchOnDevice(given.batch), { outputs });
      expect(result.backend).toBe('cuda');
      const gradient = download(result.backwardSync());
      const { loss, tokens, metrics } = result;
      const fields = fieldsOf({ loss, tokens, gradient, metrics: { ...metrics } } as never);
      expect(vectorViolations(vector, fields, 'f32')).toEqual([]);
    });

    test('tensors of the host pass through staging memory, and every form gives the same', () => {
      const staged = changed(given, {}, { backend: 'cuda', stagingBytes: stagingBytes(vector.meta.V) });
      const result = twoCalls(staged);
      expect(vectorViolations(vector, fieldsOf(result), 'f32')).toEqual([]);
      expect(differences(flatten(oneCall(staged)), flatten(result))).toEqual([]);
      expect(differences(flatten(inPlace(staged)), flatten(result))).toEqual([]);
    });
  });
});

/** So little that a few rows fit, of logits and old logits: a batch takes several chunks. */
function stagingBytes(V: number): number {
  return 8 * 4 * (V + 3);
}
