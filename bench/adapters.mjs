// npm run bench:adapters: what does lp-reg/tfjs add to a step of the loss, and what does explicit transposition save in
// the gradient of a product of matrices on the wasm backend?
//   --json FILE    write the results
//   --quick        small, few rounds
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import { differentiableLoss } from '../dist/adapters/tfjs/index.js';
import { textTable } from '../dist/bench/case-table.js';
import { drawBatch } from '../dist/bench/draw-batch.js';
import { race, sampleOnce } from '../dist/bench/race.js';
import { ratioOf, timingOf } from '../dist/bench/statistics.js';
import { PolicyLoss } from '../dist/index.js';
import { environmentNow, thisCommand, writeResults } from './results-file.mjs';

const { values } = parseArgs({
  options: { json: { type: 'string' }, quick: { type: 'boolean', default: false } },
});
const LENGTH = values.quick
  ? { minRounds: 2, maxRounds: 2, budget: 0 }
  : { minRounds: 9, maxRounds: 25, budget: 6000 };
const SHAPES = values.quick
  ? [[1, 8, 1000]]
  : [
      [4, 64, 4096],
      [4, 16, 32_000],
    ];
const PRODUCTS = values.quick
  ? [[16, 16, 16]]
  : [
      [1024, 64, 64],
      [512, 64, 256],
      [256, 128, 1024],
    ];
const OBJECTIVES = ['grpo', 'lp-reg'];

/** As docs/tensorflow.md has it. */
const transposingMatMul = tf.customGrad((a, b, save) => {
  save([a, b]);
  return {
    value: tf.matMul(a, b),
    gradFunc: (dy, [a, b]) => [tf.matMul(dy, tf.transpose(b)), tf.matMul(tf.transpose(a), dy)],
  };
});

const contender = (name, run) => ({
  name,
  prepare: () => {},
  run: () => {
    run();
    return undefined;
  },
});

/** Value and gradients, brought to the host as a trainer's optimizer would need them. */
function differentiate(f, inputs) {
  tf.tidy(() => {
    for (const gradient of tf.valueAndGrads(f)(inputs).grads) gradient.dataSync();
  });
}

function lossContenders(objective, shape) {
  const { distinctLogits, ...inputs } = drawBatch({
    shape,
    dtype: 'float32',
    distribution: 'peaked',
    seed: 1,
  });
  const data = new Float32Array(shape.reduce((a, b) => a * b));
  for (let i = 0; i < data.length; i++) data[i] = distinctLogits[i % distinctLogits.length];
  const policyLoss = new PolicyLoss({ objective });
  const batch = { ...inputs, logits: { data, dtype: 'float32', shape } };
  const logits = tf.tensor(data, shape);
  const whole = (x) => differentiableLoss(policyLoss, { ...inputs, logits: x }).loss;
  return [
    contender('forwardBackwardSync', () => policyLoss.forwardBackwardSync(batch)),
    contender('forwardSync, backwardSync', () => policyLoss.forwardSync(batch).backwardSync()),
    contender('differentiableLoss', () => differentiate(whole, [logits])),
    contender('differentiableLoss, scaled', () => differentiate((x) => tf.mul(whole(x), 0.5), [logits])),
  ];
}

function productContenders([n, k, m]) {
  const inputs = [tf.randomNormal([n, k], 0, 1, 'float32', 1), tf.randomNormal([k, m], 0, 1, 'float32', 2)];
  const summed = (product) => (a, b) => tf.sum(product(a, b));
  return [
    contender('explicit transposes', () => differentiate(summed(transposingMatMul), inputs)),
    contender('tf.matMul', () => differentiate(summed(tf.matMul), inputs)),
  ];
}

/** Times contenders; ratios are to the first of them. */
function measure(contenders) {
  const samples = race(contenders, LENGTH, sampleOnce);
  return contenders.map(({ name }, i) => ({
    name,
    ...timingOf(samples[i]),
    ratio: ratioOf(samples[i], samples[0]),
  }));
}

async function main() {
  const environment = environmentNow();
  const results = [];
  for (const backend of ['cpu', 'wasm']) {
    await tf.setBackend(backend);
    for (const objective of OBJECTIVES) {
      for (const shape of SHAPES) {
        results.push({
          question: 'loss',
          backend,
          objective,
          shape,
          contenders: measure(lossContenders(objective, shape)),
        });
      }
    }
  }
  for (const shape of PRODUCTS) {
    results.push({
      question: 'product',
      backend: 'wasm',
      shape,
      contenders: measure(productContenders(shape)),
    });
  }
  const rows = results.flatMap(({ backend, objective = 'product', shape, contenders }) =>
    contenders.map(({ name, median, ratio }) => [
      [backend, objective, shape.join('x')].join('/'),
      name,
      median.toFixed(2),
      `${ratio.value.toFixed(2)} (${ratio.low.toFixed(2)}-${ratio.high.toFixed(2)})`,
    ]),
  );
  console.log(textTable(['case', 'contender', 'ms', 'of the first (quartiles)'], rows));
  writeResults(values.json, { kind: 'adapters', command: thisCommand(), environment, results });
}

await main();
