// The supervised start: a policy that has seen worked examples and gets some answers right.
import * as tf from '@tensorflow/tfjs';
import { differentiableTokenStats } from 'lp-reg/tfjs';
import { drawExamples, pick } from './examples.mjs';
import { answerArrays, answerLogits } from './policy.mjs';
import { answerFor, TARGETS } from './task.mjs';
import { drawWeights, trainable, weightList } from './transformer.mjs';

const BATCH = 64;
const LEARNING_RATE = 4e-3;

/**
 * Trains new weights on worked examples.
 * @param onStep - Called with the number of the step and its loss, in nats per token.
 * @returns Weights as tensors.
 */
export function superviseStart(size, steps, random, onStep) {
  const examples = drawExamples(random);
  const drawn = drawWeights(size, random);
  const weights = trainable(drawn);
  tf.dispose(weightList(drawn));
  const optimizer = tf.train.adam(LEARNING_RATE, 0.9, 0.99);
  for (let step = 1; step <= steps; step++) {
    optimizer.learningRate = LEARNING_RATE * Math.min(step / 20, 1 - (0.9 * step) / steps);
    const batch = Array.from({ length: BATCH }, () => {
      const target = pick(random, TARGETS);
      const expression = pick(random, examples.get(target));
      return { target, answer: Int32Array.from(answerFor(expression)), length: expression.length + 1 };
    });
    onStep(step, supervisedStep(weights, size, optimizer, batch));
  }
  optimizer.dispose();
  return weights;
}

/** One step down the mean negative log-probability of the examples' tokens. */
function supervisedStep(weights, size, optimizer, batch) {
  const { actions, mask } = answerArrays(batch);
  const perToken = 1 / mask.reduce((count, valid) => count + valid, 0);
  return tf.tidy(() => {
    const { value, grads } = tf.variableGrads(() => {
      const logits = answerLogits(weights, size, batch);
      const { logProbs } = differentiableTokenStats({ logits, actions, mask });
      return tf.mul(tf.sum(logProbs), -perToken);
    }, weightList(weights));
    optimizer.applyGradients(grads);
    return value.dataSync()[0];
  });
}
