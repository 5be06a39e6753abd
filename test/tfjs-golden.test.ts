/** The golden vectors through the adapter for TensorFlow.js: its three forms have one gradient. */
import * as tf from '@tensorflow/tfjs';
import { expect, test } from 'vitest';
import {
  differentiableLoss,
  differentiableObjective,
  differentiableTokenStats,
} from '../lib/adapters/tfjs/index.js';
import { PolicyLoss, type PolicyLossBatch } from '../lib/index.js';
import { sameBits } from './support/bits.js';
import { oneCall } from './support/product.js';
import { type ProductCase, productCase } from './support/product-case.js';
import { rowOptions, statisticsOf } from './support/product-parts.js';
import { describeOnBackends, taken, withTensors } from './support/tfjs.js';
import { readVector, vectorNames } from './support/vectors.js';

const LARGEST_DIFFERENCE = 1e-6;

interface LossAndGradient {
  loss: number;
  gradient: Float32Array;
}

function differentiated(logits: tf.Tensor, f: (x: tf.Tensor) => tf.Scalar): LossAndGradient {
  const { value, grad } = tf.valueAndGrad(f)(logits);
  return { loss: taken(value)[0] as number, gradient: taken(grad) };
}

function wholeLoss({ options, batch }: ProductCase): LossAndGradient {
  const policyLoss = new PolicyLoss(options);
  const inputs = withTensors(batch);
  return differentiated(
    inputs.logits,
    (logits) => differentiableLoss(policyLoss, { ...inputs, logits }).loss,
  );
}

/** What the rows need, and the rest. */
function split(given: ProductCase) {
  const { logits, oldLogits, actions, ...scalars } = withTensors(given.batch);
  const rows = { actions, mask: scalars.mask, ...(oldLogits && { oldLogits }) };
  return { logits, rows, scalars, outputs: statisticsOf(given) };
}

/** Per-token operation, then the scalar stage. */
function inStages(given: ProductCase): LossAndGradient {
  const policyLoss = new PolicyLoss(given.options);
  const { logits: all, rows, scalars, outputs } = split(given);
  return differentiated(all, (logits) => {
    const stats = differentiableTokenStats({ ...rows, logits }, { ...rowOptions(given), outputs });
    const { tokens, ...tensors } = stats;
    return differentiableObjective(policyLoss, { ...scalars, tokens: { ...tokens, ...tensors } }).loss;
  });
}

/** Per-token operation, then operations of TensorFlow.js with the coefficients as constants. */
function perToken(given: ProductCase): LossAndGradient {
  const policyLoss = new PolicyLoss(given.options);
  const { logits: all, rows, outputs } = split(given);
  const {
    logits: _,
    oldLogits: __,
    proxySnapshot: ___,
    actions: ____,
    ...scalars
  } = given.batch as PolicyLossBatch;
  return differentiated(all, (logits) => {
    const stats = differentiableTokenStats({ ...rows, logits }, { ...rowOptions(given), outputs });
    const shape = logits.shape.slice(0, 2) as [number, number];
    const { loss, tokens } = policyLoss.objectiveSync({ ...scalars, shape, tokens: stats.tokens });
    const weighted = (coefficients: Float32Array, statistic?: tf.Tensor) =>
      statistic === undefined ? tf.scalar(0) : tf.sum(tf.mul(tf.tensor(coefficients, shape), statistic));
    const terms = [
      weighted(tokens.coefLogProb, stats.logProbs),
      weighted(tokens.coefEntropy, stats.entropy),
      weighted(tokens.coefKl, stats.kl),
    ];
    // Its gradient is that of the loss; its value is put right.
    const surrogate = tf.addN(terms);
    return tf.add(surrogate, loss - (surrogate.dataSync()[0] as number)) as tf.Scalar;
  });
}

/** Largest difference, in units of the largest element or of 1. */
function difference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [largest, unit] = [0, 1];
  for (let i = 0; i < expected.length; i++) {
    unit = Math.max(unit, Math.abs(expected[i] as number));
    largest = Math.max(largest, Math.abs((actual[i] as number) - (expected[i] as number)));
  }
  return largest / unit;
}

describeOnBackends('golden vectors', () => {
  let compared = 0;

  test.each(vectorNames())('%s: whole loss, stages and per-token operation agree', (name) => {
    const given = productCase(readVector(name));
    const expected = oneCall(given);
    const whole = wholeLoss(given);
    expect(whole.loss).toBe(Math.fround(expected.loss));
    expect(sameBits(whole.gradient, expected.gradient.data)).toBe(true);
    for (const form of [inStages, perToken]) {
      const { loss, gradient } = form(given);
      expect(difference([loss], [expected.loss]), form.name).toBeLessThan(LARGEST_DIFFERENCE);
      expect(difference(gradient, whole.gradient), form.name).toBeLessThan(LARGEST_DIFFERENCE);
    }
    compared++;
  });

  test('all vectors were compared', () => {
    expect(compared).toBe(44);
  });
});
