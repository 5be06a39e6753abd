import * as tf from '@tensorflow/tfjs';
import { describe, expect, test } from 'vitest';
import { differentiableLoss, differentiableTokenStats } from '../lib/adapters/tfjs/index.js';
import { PolicyLoss, type PolicyLossBatch } from '../lib/index.js';
import { thrownBy } from './support/errors.js';
import { smallBatch, waves } from './support/small-batch.js';
import { describeOnBackends, taken, tensorOf, withTensors } from './support/tfjs.js';

await tf.setBackend('cpu');

const policyLoss = new PolicyLoss({ objective: 'grpo', klRefCoef: 0.1 });
const mask = Uint8Array.of(1, 0, 1, 1, 1, 0);
const batch: PolicyLossBatch = {
  ...smallBatch(),
  mask,
  refLogProbs: waves(6, 6),
  rolloutWeights: waves(6, 7),
};

describeOnBackends('inputs as tensors', () => {
  test.each([[[6]], [[2, 3]]])('per-token tensors %j give what arrays give', (shape) => {
    const arrays = withTensors(batch);
    const float = (values: unknown) => tf.tensor(values as Float32Array, shape);
    const tensors = {
      logits: arrays.logits,
      actions: tf.tensor(batch.actions as Int32Array, shape, 'int32'),
      mask: tf.tensor(mask, shape, 'bool'),
      oldLogProbs: float(batch.oldLogProbs),
      advantages: float(batch.advantages),
      refLogProbs: float(batch.refLogProbs),
      rolloutWeights: float(batch.rolloutWeights),
    };
    const gradientOf = (given: typeof tensors | typeof arrays) =>
      taken(tf.grad((logits) => differentiableLoss(policyLoss, { ...given, logits }).loss)(given.logits));
    expect(gradientOf(tensors)).toStrictEqual(gradientOf(arrays));
    const integers = { ...tensors, mask: tf.cast(tensors.mask, 'int32') };
    expect(gradientOf(integers)).toStrictEqual(gradientOf(arrays));
  });

  test('advantages may be one per sequence, lengths may be a tensor', () => {
    const mean = new PolicyLoss({ objective: 'grpo', aggregation: 'seq-mean-token-mean' });
    const { logits, ...rest } = withTensors(smallBatch());
    const given = {
      ...rest,
      logits,
      advantages: tf.tensor1d([1, -1]),
      sequenceLengths: tf.tensor1d([2, 4]),
    };
    const expected = mean.forwardSync({
      ...smallBatch(),
      advantages: Float32Array.of(1, -1),
      sequenceLengths: [2, 4],
    });
    expect(differentiableLoss(mean, given).lossValue).toBe(expected.loss);
  });
});

describe('inputs that make no sense are refused', () => {
  const { logits, ...rest } = withTensors(batch);
  test.each<[object, string, string]>([
    [{ logits: undefined }, 'ERR_MISSING', 'logits'],
    [{ logits: batch.logits }, 'ERR_TYPE', 'logits'],
    [{ logits: tf.cast(logits, 'int32') }, 'ERR_DTYPE', 'logits'],
    [{ logits: tf.zeros([6, 5]) }, 'ERR_MISSING', 'cuSeqLens'],
    [{ logits: tf.zeros([6]) }, 'ERR_SHAPE', 'logits'],
    [{ oldLogits: batch.logits }, 'ERR_TYPE', 'oldLogits'],
    [{ oldLogits: logits }, 'ERR_OPTION_WITHOUT_EFFECT', 'oldLogits'],
    [{ actions: tf.zeros([6]) }, 'ERR_DTYPE', 'actions'],
    [{ actions: tf.zeros([3, 2], 'int32') }, 'ERR_SHAPE', 'actions'],
    [{ actions: tf.fill([6], 5, 'int32') }, 'ERR_ACTION_RANGE', 'actions'],
    [{ mask: tf.ones([6]) }, 'ERR_DTYPE', 'mask'],
    [{ mask: tf.fill([6], 257, 'int32') }, 'ERR_MASK', 'mask'],
    [{ mask: tf.fill([6], -1, 'int32') }, 'ERR_MASK', 'mask'],
    [{ oldLogProbs: tf.zeros([6], 'int32') }, 'ERR_DTYPE', 'oldLogProbs'],
    [{ oldLogProbs: tf.zeros([7]) }, 'ERR_SHAPE', 'oldLogProbs'],
    [{ oldLogProbs: tf.zeros([2, 4]) }, 'ERR_SHAPE', 'oldLogProbs'],
    [{ oldLogProb: tf.zeros([6]) }, 'ERR_OPTION_WITHOUT_EFFECT', 'oldLogProb'],
    [{ tokenCount: tf.scalar(3) }, 'ERR_TYPE', 'tokenCount'],
  ])('%#: %o', (change, code, argument) => {
    const given = { ...rest, logits, ...change } as typeof rest & { logits: tf.Tensor };
    expect(thrownBy(() => differentiableLoss(policyLoss, given))).toMatchObject({ code, argument });
  });

  test('tensors that were disposed of, and batches that are none', () => {
    const gone = tensorOf(batch.logits);
    gone.dispose();
    expect(thrownBy(() => differentiableLoss(policyLoss, { ...rest, logits: gone }))).toMatchObject({
      code: 'ERR_DISPOSED',
      argument: 'logits',
    });
    expect(thrownBy(() => differentiableTokenStats(null as never))).toMatchObject({ code: 'ERR_TYPE' });
  });
});
