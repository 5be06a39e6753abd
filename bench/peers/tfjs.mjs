// Contender: TensorFlow.js with its own gradients, backend `wasm` or `cpu`.
// Usage: node tfjs.mjs FOLDER wasm|cpu
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { setThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { readBatch, serve } from './protocol.mjs';

const [folder, backend] = process.argv.slice(2);
const batch = readBatch(folder);
if (backend === 'wasm') {
  const module = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
  setWasmPaths(`${dirname(module)}/`);
  setThreadsCount(batch.threads);
}
await tf.setBackend(backend);
await tf.ready();

const rows = batch.actions.length;
const vocab = batch.shape.at(-1);
const { kappa, beta, clipLow, clipHigh, rho } = batch.parameters;
const logits = tf.tensor2d(batch.logits, [rows, vocab]);
const actions = tf.tensor1d(batch.actions, 'int32');
const oldLogProbs = tf.tensor1d(batch.oldLogProbs);
const advantages = tf.tensor1d(batch.advantages);
// The wasm backend fills a float32 one-hot with integers.
const isAction = tf.cast(tf.oneHot(actions, vocab), 'float32');
let gradient;

/** Log-probabilities of all tokens; the maximum is a constant for the gradient. */
function logProbsOf(z) {
  const distance = tf.sub(z, tf.max(logits, 1, true));
  return tf.sub(distance, tf.log(tf.sum(tf.exp(distance), 1, true)));
}

const ofActions = (logProbs) => tf.sum(tf.mul(logProbs, isAction), 1);

/** q, log q with 0 outside of the kept set, and whether each action is kept: constants for the gradient. */
function proxy() {
  return tf.tidy(() => {
    const logProbs = logProbsOf(logits);
    const isKept = tf.greaterEqual(tf.sub(logProbs, tf.max(logProbs, 1, true)), tf.scalar(Math.log(kappa)));
    const kept = tf.mul(tf.exp(logProbs), tf.cast(isKept, 'float32'));
    const logMass = tf.log(tf.sum(kept, 1, true));
    const q = tf.exp(tf.sub(tf.log(kept), logMass));
    const logQ = tf.where(isKept, tf.sub(logProbs, logMass), tf.zerosLike(logProbs));
    return { q, logQ, chosen: ofActions(logProbs), actionKept: ofActions(tf.cast(isKept, 'float32')) };
  });
}

function selection(chosen, actionKept) {
  const [values, kept, signs] = [chosen, actionKept, advantages].map((tensor) => tensor.dataSync());
  const threshold = Float32Array.from(values).sort()[Math.floor(rho * (rows - 1))];
  const isSelected = values.map((value, row) =>
    value < threshold && kept[row] > 0 && signs[row] < 0 ? 1 : 0,
  );
  return tf.tensor1d(Float32Array.from(isSelected));
}

function lpRegLoss({ q, logQ }, selected) {
  return (z) => {
    const logProbs = logProbsOf(z);
    const ratio = tf.exp(tf.sub(ofActions(logProbs), oldLogProbs));
    const clipped = tf.clipByValue(ratio, 1 - clipLow, 1 + clipHigh);
    const downhill = tf.neg(advantages);
    const policy = tf.maximum(tf.mul(downhill, ratio), tf.mul(downhill, clipped));
    const kl = tf.sum(tf.mul(q, tf.sub(logQ, logProbs)), 1);
    return tf.mean(tf.add(policy, tf.mul(tf.scalar(beta), tf.mul(selected, kl))));
  };
}

const crossEntropyLoss = (z) => tf.neg(tf.mean(ofActions(logProbsOf(z))));

function take({ value, grad }) {
  gradient?.dispose();
  gradient = tf.keep(grad);
  return { loss: value.dataSync()[0] };
}

function lpReg() {
  return tf.tidy(() => {
    const { q, logQ, chosen, actionKept } = proxy();
    return take(tf.valueAndGrad(lpRegLoss({ q, logQ }, selection(chosen, actionKept)))(logits));
  });
}

const saved = () => gradient.dataSync();
await serve({
  'lp-reg': { run: lpReg, gradient: saved },
  'cross-entropy': {
    run: () => tf.tidy(() => take(tf.valueAndGrad(crossEntropyLoss)(logits))),
    gradient: saved,
  },
  'cross-entropy-forward': { run: () => tf.tidy(() => ({ loss: crossEntropyLoss(logits).dataSync()[0] })) },
});
