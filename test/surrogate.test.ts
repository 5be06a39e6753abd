import * as jax from '@jax-js/jax';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { surrogateLoss, surrogateLossSync } from '../lib/adapters/surrogate/index.js';
import { PolicyLoss, type PolicyLossBatch, type Tensor } from '../lib/index.js';
import { sameBits } from './support/bits.js';
import { rejectionOf, thrownBy } from './support/errors.js';
import { productCase } from './support/product-case.js';
import { inParts } from './support/product-parts.js';
import { smallBatch } from './support/small-batch.js';
import { readVector, vectorNames } from './support/vectors.js';

const { numpy: np } = jax;
const mask = Uint8Array.of(1, 0, 1, 1, 1, 0);
const policyLoss = new PolicyLoss({ objective: 'grpo', entropyCoef: 0.1 });
const LARGEST_DIFFERENCE = 1e-6;

/** A batch as a framework has it: values and shape. */
function surrogateBatch({ logits, oldLogits, ...inputs }: PolicyLossBatch) {
  const valuesOf = ({ data }: Tensor) => data as Float32Array<ArrayBuffer>;
  return {
    ...inputs,
    logits: valuesOf(logits),
    shape: [...logits.shape],
    oldLogits: oldLogits && valuesOf(oldLogits),
  };
}

/** The gradient by the logits of `sum(logits * G) * gradOutput`, as each framework finds it. */
const FRAMEWORKS = {
  'jax-js': (
    logits: Float32Array<ArrayBuffer>,
    gradLogits: Float32Array,
    shape: number[],
    gradOutput: number,
  ) => {
    const constant = np.array(gradLogits as Float32Array<ArrayBuffer>, { shape });
    const surrogate = (x: jax.Array) => x.mul(constant).sum().mul(gradOutput);
    return jax.grad(surrogate)(np.array(logits, { shape })).dataSync() as Float32Array;
  },
  'TensorFlow.js': (logits: Float32Array, gradLogits: Float32Array, shape: number[], gradOutput: number) => {
    const constant = tf.tensor(gradLogits, shape);
    const surrogate = (x: tf.Tensor) => tf.mul(tf.sum(tf.mul(x, constant)), gradOutput);
    return tf.grad(surrogate)(tf.tensor(logits, shape)).dataSync() as Float32Array;
  },
};

beforeAll(async () => {
  expect(await jax.init('wasm')).toContain('wasm');
  expect(await tf.setBackend('cpu')).toBe(true);
});

describe.each(Object.entries(FRAMEWORKS))('%s', (_, gradientOf) => {
  test('differentiates the surrogate to the gradient of the loss; masked rows are 0', () => {
    const batch = surrogateBatch({ ...smallBatch(), mask });
    const { gradLogits } = surrogateLossSync(policyLoss, batch);
    const gradient = gradientOf(batch.logits, gradLogits, batch.shape, 1);
    expect(gradient).toStrictEqual(gradLogits);
    expect(gradient.subarray(5, 10)).toStrictEqual(new Float32Array(5));
    expect(gradient.some((value) => Math.abs(value) > 1e-3)).toBe(true);
  });

  test('an upstream gradient multiplies it', () => {
    const batch = surrogateBatch(smallBatch());
    const { gradLogits } = surrogateLossSync(policyLoss, batch);
    const scaled = gradientOf(batch.logits, gradLogits, batch.shape, -2.5);
    for (const [i, value] of gradLogits.entries()) expect(scaled[i]).toBeCloseTo(-2.5 * value, 6);
  });

  test('a logit at -Infinity has the gradient 0, and the others theirs', () => {
    const batch = surrogateBatch(smallBatch());
    batch.logits = batch.logits.slice();
    for (let row = 0; row < 6; row++)
      batch.logits[5 * row + (((batch.actions[row] as number) + 1) % 5)] = -Infinity;
    const { gradLogits } = surrogateLossSync(policyLoss, batch);
    const gradient = gradientOf(batch.logits, gradLogits, batch.shape, 1);
    expect(gradient).toStrictEqual(gradLogits);
    expect(gradLogits.filter((value) => value === 0)).toHaveLength(6);
  });
});

describe('golden vectors', () => {
  test.each(vectorNames())('%s: the surrogate has the gradient of the other two forms', (name) => {
    const given = productCase(readVector(name));
    const batch = surrogateBatch(given.batch);
    const whole = new PolicyLoss(given.options);
    const { loss, gradLogits } = surrogateLossSync(whole, batch);
    const staged = inParts(given);
    const [small, large] = extremes(gradLogits, staged.gradient.data as Float32Array);
    expect(Math.abs(loss - staged.loss)).toBeLessThan(LARGEST_DIFFERENCE * Math.max(1, Math.abs(loss)));
    expect(small).toBeLessThan(LARGEST_DIFFERENCE * Math.max(1, large));
    const gradient = FRAMEWORKS['jax-js'](batch.logits, gradLogits, batch.shape, 1);
    // Without the sign of zeros, which a product with the upstream 1 may change.
    expect(extremes(gradient, gradLogits)[0]).toBe(0);
  });

  /** Largest difference, and largest element. */
  function extremes(actual: Float32Array, expected: Float32Array): [difference: number, element: number] {
    let [difference, element] = [0, 0];
    expected.forEach((value, i) => {
      difference = Math.max(difference, Math.abs((actual[i] as number) - value));
      element = Math.max(element, Math.abs(value));
    });
    return [difference, element];
  }
});

test('both forms give what forwardBackward gives', async () => {
  const batch = { ...smallBatch(), mask };
  const outputs = ['logProbs', 'coefLogProb'] as const;
  const expected = policyLoss.forwardBackwardSync(batch, { outputs });
  for (const actual of [
    surrogateLossSync(policyLoss, surrogateBatch(batch), { outputs }),
    await surrogateLoss(policyLoss, surrogateBatch(batch), { outputs }),
  ]) {
    expect(actual).toStrictEqual({ ...expected, gradLogits: expected.gradLogits.data });
  }
});

test('packed rows and old logits go through', () => {
  const lpReg = new PolicyLoss({ objective: 'lp-reg', proxy: 'old', rho: 0.5 });
  const { logits, ...inputs } = smallBatch();
  const batch = { ...inputs, logits: { ...logits, shape: [6, 5] }, cuSeqLens: Int32Array.of(0, 3, 6) };
  const oldLogits = { ...batch.logits, data: logits.data.map((z) => z / 2) };
  const expected = lpReg.forwardBackwardSync({ ...batch, oldLogits });
  const { loss, gradLogits } = surrogateLossSync(lpReg, surrogateBatch({ ...batch, oldLogits }));
  expect(loss).toBe(expected.loss);
  expect(sameBits(gradLogits, expected.gradLogits.data)).toBe(true);
});

test.each<[object, string, string]>([
  [{ shape: [2, 4, 5] }, 'ERR_SHAPE', 'logits'],
  [{ shape: undefined }, 'ERR_TYPE', 'logits'],
  [{ logits: undefined }, 'ERR_TYPE', 'logits'],
  [{ logits: new Float64Array(30) }, 'ERR_DTYPE', 'logits'],
  [{ actions: new Int32Array(6).fill(5) }, 'ERR_ACTION_RANGE', 'actions'],
  [{ oldLogProb: new Float32Array(6) }, 'ERR_OPTION_WITHOUT_EFFECT', 'oldLogProb'],
])('a batch that makes no sense is refused: %o', async (change, code, argument) => {
  const batch = { ...surrogateBatch(smallBatch()), ...change };
  expect(thrownBy(() => surrogateLossSync(policyLoss, batch))).toMatchObject({ code, argument });
  expect(await rejectionOf(surrogateLoss(policyLoss, batch))).toMatchObject({ code, argument });
});

test('what is no batch is refused', async () => {
  expect(thrownBy(() => surrogateLossSync(policyLoss, null as never))).toMatchObject({ code: 'ERR_TYPE' });
  expect(await rejectionOf(surrogateLoss(policyLoss, undefined as never))).toMatchObject({
    code: 'ERR_TYPE',
  });
});
