// The policy: a decoder-only transformer with RMS norm before each block, learned positions and no biases.
import * as tf from '@tensorflow/tfjs';
import { matMul } from './matmul.mjs';

/**
 * @typedef {object} Size
 * @property {number} vocabulary
 * @property {number} positions - Tokens of prompt and answer, at most.
 * @property {number} width - A multiple of `heads`.
 * @property {number} heads
 * @property {number} layers
 */

/** Weights as tensors, drawn anew. @param {Size} size */
export function drawWeights({ vocabulary, positions, width, layers }, random) {
  const matrix = (rows, columns, deviation) => {
    const values = Float32Array.from({ length: rows * columns }, () => deviation * random.normal());
    return tf.tensor2d(values, [rows, columns]);
  };
  const linear = (rows, columns, gain = 1) => matrix(rows, columns, gain / Math.sqrt(rows));
  const intoResidual = 1 / Math.sqrt(2 * layers);
  const block = () => ({
    attentionNorm: tf.ones([width]),
    query: linear(width, width),
    key: linear(width, width),
    value: linear(width, width),
    attentionOut: linear(width, width, intoResidual),
    feedForwardNorm: tf.ones([width]),
    up: linear(width, 4 * width, Math.SQRT2),
    down: linear(4 * width, width, intoResidual),
  });
  return {
    token: matrix(vocabulary, width, 0.5),
    position: matrix(positions, width, 0.5),
    blocks: Array.from({ length: layers }, block),
    norm: tf.ones([width]),
    head: linear(width, vocabulary, 0.5),
  };
}

/** The same structure with each weight replaced. */
export function mapWeights(weights, replace) {
  if (weights instanceof tf.Tensor) return replace(weights);
  if (Array.isArray(weights)) return weights.map((weight) => mapWeights(weight, replace));
  return Object.fromEntries(
    Object.entries(weights).map(([name, value]) => [name, mapWeights(value, replace)]),
  );
}

/** Weights that can be trained, a copy. */
export const trainable = (weights) => mapWeights(weights, (tensor) => tf.variable(tensor.clone()));

/** All weights in a fixed order. */
export function weightList(weights) {
  const list = [];
  mapWeights(weights, (tensor) => list.push(tensor));
  return list;
}

const normalise = (x, scale) =>
  tf.mul(tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), 1e-6))), scale);

/** New position i sees the past and the new positions up to i. */
function causalMask(past, length) {
  const row = (i) => Array.from({ length: past + length }, (_, j) => (j <= past + i ? 0 : -1e9));
  return tf.tensor2d(Array.from({ length }, (_, i) => row(i)));
}

/** An empty key-value cache. */
export const emptyCache = () => ({ length: 0, layers: [] });

/** Keys and values of all positions so far, which the cache holds from now on. */
function remembered(cache, layer, keys, values) {
  const past = cache.layers[layer];
  if (past) [keys, values] = [tf.concat([past.keys, keys], 2), tf.concat([past.values, values], 2)];
  cache.layers[layer] = { keys, values };
  return cache.layers[layer];
}

/**
 * Logits of the token after each position.
 * @param {Size} size
 * @param tokens - int32 `[sequences, length]`.
 * @param cache - Holds the positions before `tokens`, which are added to it. Its tensors are the caller's to dispose of.
 * @returns float32 `[sequences, length, vocabulary]`.
 */
export function forward(weights, { vocabulary, width, heads, layers }, tokens, cache = emptyCache()) {
  const [sequences, length] = tokens.shape;
  const mask = causalMask(cache.length, length);
  const headWidth = width / heads;
  const byHead = (x) => tf.transpose(tf.reshape(x, [sequences, length, heads, headWidth]), [0, 2, 1, 3]);
  const joined = (x) => tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [sequences * length, width]);

  const attention = (x, block, layer) => {
    const [queries, newKeys, newValues] = [block.query, block.key, block.value].map((weight) =>
      byHead(matMul(x, weight)),
    );
    const { keys, values } = remembered(cache, layer, newKeys, newValues);
    const scores = tf.mul(tf.matMul(queries, keys, false, true), 1 / Math.sqrt(headWidth));
    return matMul(joined(tf.matMul(tf.softmax(tf.add(scores, mask)), values)), block.attentionOut);
  };
  const feedForward = (x, block) => matMul(tf.relu(matMul(x, block.up)), block.down);

  // Embedding by a product, since the backend has no gradient of a gather.
  const oneHot = tf.cast(tf.oneHot(tf.reshape(tokens, [-1]), vocabulary), 'float32');
  const embedded = tf.reshape(matMul(oneHot, weights.token), [sequences, length, width]);
  const positions = tf.slice(weights.position, [cache.length, 0], [length, width]);
  let x = tf.reshape(tf.add(embedded, positions), [-1, width]);
  for (let layer = 0; layer < layers; layer++) {
    const block = weights.blocks[layer];
    x = tf.add(x, attention(normalise(x, block.attentionNorm), block, layer));
    x = tf.add(x, feedForward(normalise(x, block.feedForwardNorm), block));
  }
  cache.length += length;
  return tf.reshape(matMul(normalise(x, weights.norm), weights.head), [sequences, length, vocabulary]);
}
