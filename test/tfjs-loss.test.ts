import * as tf from '@tensorflow/tfjs';
import { describe, expect, test, vi } from 'vitest';
import { type DifferentiableLoss, differentiableLoss } from '../lib/adapters/tfjs/index.js';
import { PolicyLoss } from '../lib/index.js';
import { buildBatch, EVERY_TERM } from './support/built-batch.js';
import { slopesOf } from './support/central-differences.js';
import { thrownBy } from './support/errors.js';
import { productCase } from './support/product-case.js';
import { smallBatch } from './support/small-batch.js';
import { describeOnBackends, taken, withTensors } from './support/tfjs.js';
import { slopeAllowance } from './support/tolerance.js';

const MASK = Uint8Array.of(1, 0, 1, 1, 1, 0);
const grpo = new PolicyLoss({ objective: 'grpo', entropyCoef: 0.1 });

describeOnBackends('differentiableLoss', () => {
  test('the gradient agrees with central differences of the float64 loss, masked rows are 0', () => {
    const { input, reference } = buildBatch({ ...EVERY_TERM, mask: MASK });
    const given = productCase(input);
    const policyLoss = new PolicyLoss(given.options);
    const { logits, ...rest } = withTensors(given.batch);
    const gradient = taken(
      tf.grad((x) => differentiableLoss(policyLoss, { ...rest, logits: x }).loss)(logits),
    );
    const slopes = slopesOf(input);
    const allowed = slopeAllowance(input, reference);
    const wrong = slopes.filter(
      ({ index, slope }) => !(Math.abs((gradient[index] as number) - slope) <= allowed(index)),
    );
    expect(slopes.length).toBeGreaterThanOrEqual(8);
    expect(slopes.some(({ slope }) => Math.abs(slope) > 1e-3)).toBe(true);
    expect(wrong).toEqual([]);
    const V = input.meta.V;
    expect(gradient.subarray(V, 2 * V)).toStrictEqual(new Float32Array(V));
  });

  test('the upstream gradient multiplies it', () => {
    const { logits, ...rest } = withTensors(smallBatch());
    const gradientOf = (of: (loss: tf.Scalar) => tf.Tensor) =>
      taken(tf.grad((x) => of(differentiableLoss(grpo, { ...rest, logits: x }).loss))(logits));
    const once = gradientOf((loss) => loss);
    const expected = grpo.forwardBackwardSync(smallBatch(), { gradOutput: -2.5 }).gradLogits
      .data as Float32Array;
    const scaled = gradientOf((loss) => tf.mul(loss, -2.5));
    for (const [i, value] of once.entries()) {
      expect(scaled[i]).toBe(Math.fround(-2.5 * value));
      expect(scaled[i]).toBeCloseTo(expected[i] as number, 7);
    }
    expect(gradientOf((loss) => tf.mul(loss, 0)).every((value) => value === 0)).toBe(true);
    expect(thrownBy(() => gradientOf((loss) => tf.mul(loss, Infinity)))).toMatchObject({
      code: 'ERR_NON_FINITE_INPUT',
      argument: 'gradOutput',
    });
  });

  test('loss, metrics and tokens are those of the library, with and without a gradient', () => {
    const batch = smallBatch();
    const outputs = ['logProbs', 'entropy'] as const;
    const { loss, metrics, tokens } = grpo.forwardSync(batch, { outputs });
    const { logits, ...rest } = withTensors(batch);
    const results: DifferentiableLoss<(typeof outputs)[number]>[] = [];
    const f = (x: tf.Tensor) => {
      const result = differentiableLoss(grpo, { ...rest, logits: x }, { outputs });
      results.push(result);
      return result.loss;
    };
    expect(taken(f(logits))[0]).toBe(Math.fround(loss));
    expect(taken(tf.valueAndGrad(f)(logits).value)[0]).toBe(Math.fround(loss));
    for (const result of results) expect(result).toMatchObject({ lossValue: loss, metrics, tokens });
    expect(results).toHaveLength(2);
  });

  test('a linear policy learns by variableGrads and an optimizer, and no tensor is left over', () => {
    const [B, T, D, V] = [2, 3, 4, 5];
    const batch = smallBatch(B, T, V);
    const inputs = tf.randomNormal([B * T, D], 0, 1, 'float32', 7);
    const weights = tf.variable(tf.zeros([D, V]), true);
    const optimizer = tf.train.sgd(1);
    const { actions, mask } = batch;
    const oldLogProbs = new Float32Array(B * T).fill(-Math.log(V));
    const advantages = Float32Array.of(1, 1, 1, -1, -1, -1);
    const policyLoss = new PolicyLoss({ objective: 'grpo', clipLow: 1, clipHigh: 9 });
    const losses: number[] = [];
    const tensors: number[] = [];
    for (let step = 0; step < 4; step++) {
      const { value, grads } = tf.variableGrads(() => {
        const logits = tf.reshape(tf.matMul(inputs, weights), [B, T, V]);
        return differentiableLoss(policyLoss, { logits, actions, oldLogProbs, advantages, mask }).loss;
      }, [weights]);
      optimizer.applyGradients(grads);
      losses.push(taken(value)[0] as number);
      tf.dispose(grads);
      tensors.push(tf.memory().numTensors);
    }
    expect(losses).toStrictEqual(losses.toSorted((a, b) => b - a));
    expect(losses[3]).toBeLessThan((losses[0] as number) - 0.05);
    expect(new Set(tensors).size).toBe(1);
    optimizer.dispose();
    tf.dispose([inputs, weights]);
  });

  test('an error on the way leaves no tensor behind', () => {
    const { logits, ...rest } = withTensors(smallBatch());
    const before = tf.memory().numTensors;
    const wrong = { ...rest, logits, actions: new Int32Array(6).fill(9) };
    expect(thrownBy(() => differentiableLoss(grpo, wrong))).toMatchObject({ code: 'ERR_ACTION_RANGE' });
    expect(
      thrownBy(() => tf.grad((x) => differentiableLoss(grpo, { ...wrong, logits: x }).loss)(logits)),
    ).toMatchObject({
      code: 'ERR_ACTION_RANGE',
      argument: 'actions',
      index: 0,
    });
    expect(tf.memory().numTensors).toBe(before);
    logits.dispose();
  });

  test('packed rows [N, V] are those of a padded batch', () => {
    const { logits, ...rest } = withTensors(smallBatch());
    const of = (x: tf.Tensor, more: object) => differentiableLoss(grpo, { ...rest, ...more, logits: x }).loss;
    const padded = tf.grad((x) => of(x, {}))(logits);
    const cuSeqLens = Int32Array.of(0, 3, 6);
    const packed = tf.grad((x) => of(x, { cuSeqLens }))(tf.reshape(logits, [6, 5]));
    expect(packed.shape).toStrictEqual([6, 5]);
    expect(taken(packed)).toStrictEqual(taken(padded));
  });
});

describe('memory of the cpu backend', () => {
  test('logits are read where they are and the gradient is handed over, without a copy', async () => {
    await tf.setBackend('cpu');
    const call = vi.spyOn(grpo, 'forwardBackwardSync');
    const { logits, ...rest } = withTensors(smallBatch());
    const gradient = tf.grad((x) => differentiableLoss(grpo, { ...rest, logits: x }).loss)(logits);
    const [[given] = []] = call.mock.calls;
    const [returned] = call.mock.results;
    call.mockRestore();
    expect(given?.logits.data).toBe(logits.dataSync());
    expect(gradient.dataSync()).toBe(returned?.value.gradLogits.data);
  });

  test('without a gradient to record only the loss is computed', () => {
    const call = vi.spyOn(grpo, 'forwardBackwardSync');
    differentiableLoss(grpo, withTensors(smallBatch()));
    expect(call).not.toHaveBeenCalled();
    call.mockRestore();
  });
});
