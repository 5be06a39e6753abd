// What is asked of the policy: answers drawn token by token with a key-value cache, and the logits of given answers.
import * as tf from '@tensorflow/tfjs';
import { ANSWER_LENGTH, END, PROMPT_LENGTH, promptFor } from './task.mjs';
import { emptyCache, forward } from './transformer.mjs';

const int32 = (rows) => tf.tensor2d(rows, undefined, 'int32');

/** Draws a token from one row of logits. @returns The token and its log-probability. */
function drawToken(logits, random) {
  const maximum = Math.max(...logits);
  const weights = Float64Array.from(logits, (logit) => Math.exp(logit - maximum));
  const mass = weights.reduce((a, b) => a + b, 0);
  let rest = random.uniform() * mass;
  let token = 0;
  while (token < weights.length - 1 && rest >= weights[token]) rest -= weights[token++];
  return [token, logits[token] - maximum - Math.log(mass)];
}

/** Logits of the next token of each sequence, after `tokens` on top of what the cache holds. */
function nextLogits(weights, size, tokens, cache) {
  const before = cache.layers.flatMap(Object.values);
  const last = tf.tidy(() => {
    const logits = forward(weights, size, int32(tokens), cache);
    const next = tf.slice(logits, [0, tokens[0].length - 1, 0], [-1, 1, -1]);
    for (const tensor of cache.layers.flatMap(Object.values)) tf.keep(tensor);
    return next;
  });
  const values = last.dataSync();
  tf.dispose([last, ...before]);
  return values;
}

/**
 * Draws an answer to each target, at temperature 1.
 * @returns For each: `answer` `[ANSWER_LENGTH]` padded with `END`, its `length` with the end, and the `logProbs` of its
 *   tokens under the policy that drew them.
 */
export function drawAnswers(weights, size, targets, random) {
  const rollouts = targets.map((target) => ({
    target,
    answer: new Int32Array(ANSWER_LENGTH).fill(END),
    logProbs: new Float32Array(ANSWER_LENGTH),
    length: 0,
  }));
  const cache = emptyCache();
  let tokens = targets.map(promptFor);
  for (let place = 0; place < ANSWER_LENGTH; place++) {
    const logits = nextLogits(weights, size, tokens, cache);
    rollouts.forEach((rollout, i) => {
      if (place > 0 && rollout.answer[place - 1] === END) return;
      const row = logits.subarray(i * size.vocabulary, (i + 1) * size.vocabulary);
      [rollout.answer[place], rollout.logProbs[place]] = drawToken(row, random);
      rollout.length = place + 1;
    });
    tokens = rollouts.map(({ answer }) => [answer[place]]);
    if (tokens.every(([token]) => token === END)) break;
  }
  tf.dispose(cache.layers);
  return rollouts;
}

/**
 * Logits `[B, T, V]` that belong to the tokens of given answers, `T` the longest of them.
 * @param rollouts - With `target`, `answer` and `length`.
 */
export function answerLogits(weights, size, rollouts) {
  const length = Math.max(...rollouts.map((rollout) => rollout.length));
  const sequences = rollouts.map(({ target, answer }) => [
    ...promptFor(target),
    ...answer.slice(0, length - 1),
  ]);
  return tf.slice(forward(weights, size, int32(sequences)), [0, PROMPT_LENGTH - 1, 0], [-1, length, -1]);
}

/** The same answers as arrays `[B * T]`. */
export function answerArrays(rollouts) {
  const length = Math.max(...rollouts.map((rollout) => rollout.length));
  const actions = new Int32Array(rollouts.length * length);
  const mask = new Uint8Array(rollouts.length * length);
  rollouts.forEach((rollout, i) => {
    actions.set(rollout.answer.subarray(0, length), i * length);
    mask.fill(1, i * length, i * length + rollout.length);
  });
  return { actions, mask, length };
}
