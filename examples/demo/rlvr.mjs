// Reinforcement learning with verifiable rewards, whole: draw groups of answers, reward them, compare each with its group,
// and go down the gradient of a policy loss.
import * as tf from '@tensorflow/tfjs';
import { differentiableLoss } from 'lp-reg/tfjs';
import { pick } from './examples.mjs';
import { answerArrays, answerLogits, drawAnswers } from './policy.mjs';
import { rewardOf, TARGETS } from './task.mjs';
import { weightList } from './transformer.mjs';

const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;

/** How much better each reward is than its group's mean, in the group's standard deviations; 0 where all are alike. */
export function groupAdvantages(rewards) {
  const centre = mean(rewards);
  const deviation = Math.sqrt(
    rewards.reduce((sum, reward) => sum + (reward - centre) ** 2, 0) / (rewards.length - 1),
  );
  return rewards.map((reward) => (deviation > 0 ? (reward - centre) / deviation : 0));
}

/**
 * Trains `weights` in place.
 * @param policyLoss - A `PolicyLoss`.
 * @param settings - `steps`, `prompts` per step, `samples` per prompt, `miniBatches` per step, `learningRate`.
 * @param random - `prompts` and `answers`: generators, so that all arms of a seed see the same prompts.
 * @param onStep - Called after each step with its number, its rollouts and the loss's results of each mini-batch.
 */
export function trainByReward({ weights, size, policyLoss, settings, random, onStep }) {
  const optimizer = tf.train.adam(settings.learningRate, 0.9, 0.99);
  for (let step = 1; step <= settings.steps; step++) {
    const begin = performance.now();
    const groups = Array.from({ length: settings.prompts }, () =>
      Array(settings.samples).fill(pick(random.prompts, TARGETS)),
    );
    const rollouts = drawAnswers(weights, size, groups.flat(), random.answers);
    for (const rollout of rollouts) rollout.reward = rewardOf(rollout.answer, rollout.target);
    for (let first = 0; first < rollouts.length; first += settings.samples) {
      const group = rollouts.slice(first, first + settings.samples);
      const advantages = groupAdvantages(group.map(({ reward }) => reward));
      group.forEach((rollout, i) => {
        rollout.advantage = advantages[i];
      });
    }
    const drawn = performance.now();
    const updates = miniBatches(rollouts, settings.miniBatches).map((batch) =>
      update({ weights, size, policyLoss, optimizer, batch }),
    );
    const times = { begin, drawn, end: performance.now() };
    onStep({ step, rollouts, updates, times });
  }
  optimizer.dispose();
}

/** Each mini-batch takes its share of the rollouts; the policy that drew them is old from the second one on. */
function miniBatches(rollouts, count) {
  const length = rollouts.length / count;
  return Array.from({ length: count }, (_, index) => rollouts.slice(index * length, (index + 1) * length));
}

/** One step of the optimizer on one mini-batch. */
function update({ weights, size, policyLoss, optimizer, batch }) {
  const { actions, mask, length } = answerArrays(batch);
  const oldLogProbs = Float32Array.from(batch.flatMap(({ logProbs }) => [...logProbs.subarray(0, length)]));
  const advantages = Float32Array.from(batch, ({ advantage }) => advantage);
  const inputs = { actions, mask, oldLogProbs, advantages };
  let result;
  tf.tidy(() => {
    const { grads } = tf.variableGrads(() => {
      const logits = answerLogits(weights, size, batch);
      const begin = performance.now();
      const { loss, lossValue, metrics, tokens } = differentiableLoss(policyLoss, { logits, ...inputs });
      const lossTime = performance.now() - begin;
      result = { loss: lossValue, metrics, tokens, inputs, lossTime };
      result.logits = { data: logits.dataSync(), dtype: 'float32', shape: logits.shape };
      return loss;
    }, weightList(weights));
    optimizer.applyGradients(grads);
  });
  return result;
}
