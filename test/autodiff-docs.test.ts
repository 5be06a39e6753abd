/** The examples of docs/autodiff.md. */
import * as jax from '@jax-js/jax';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, test } from 'vitest';
import * as surrogate from '../lib/adapters/surrogate/index.js';
import * as lpreg from '../lib/index.js';
import { examplesIn, runExample } from './support/examples.js';
import { smallBatch, waves } from './support/small-batch.js';

const { numpy: np } = jax;
const [B, T, V, D] = [2, 3, 5, 4];
const [training, pulledBack, tensorflow, perToken, ...others] = examplesIn('docs/autodiff.md') as [
  string,
  string,
  string,
  string,
];
const modules = { '@jax-js/jax': jax, 'lp-reg': lpreg, 'lp-reg/surrogate': surrogate };

const { actions, advantages, mask } = smallBatch(B, T, V);
const oldLogProbs = new Float32Array(B * T).fill(-Math.log(V));
const inputs = { actions, oldLogProbs, advantages, mask };
const policyLoss = new lpreg.PolicyLoss({ objective: 'lp-reg', entropyCoef: 0.001 });
const hiddenValues = waves(B * T * D) as Float32Array<ArrayBuffer>;
const weightValues = waves(D * V, 1) as Float32Array<ArrayBuffer>;
const array = (values: Float32Array<ArrayBuffer>, shape: number[]) => np.array(values, { shape });

beforeAll(async () => {
  expect(await jax.init('wasm')).toContain('wasm');
  expect(await tf.setBackend('cpu')).toBe(true);
});

/** What the examples take as given, beside names that they share. */
function given(weights: Float32Array<ArrayBuffer>): Record<string, unknown> {
  const own = { B, T, V, hidden: array(hiddenValues, [B, T, D]), weights: array(weights, [D, V]) };
  return { ...jax, np, ...lpreg, ...surrogate, policyLoss, ...inputs, ...own };
}

/** d loss / d weights, by hand: the transposed inputs times d loss / d logits. */
function weightGradient(gradLogits: Float32Array): number[] {
  return Array.from({ length: D * V }, (_, i) => {
    const [d, v] = [Math.floor(i / V), i % V];
    let sum = 0;
    for (let row = 0; row < B * T; row++)
      sum += (hiddenValues[row * D + d] as number) * (gradLogits[row * V + v] as number);
    return sum;
  });
}

function expectedGradient(): number[] {
  const logits = np
    .matmul(array(hiddenValues, [B, T, D]), array(weightValues, [D, V]))
    .dataSync() as Float32Array;
  const { gradLogits } = surrogate.surrogateLossSync(policyLoss, { ...inputs, logits, shape: [B, T, V] });
  expect(gradLogits.some((value) => Math.abs(value) > 1e-3)).toBe(true);
  return weightGradient(gradLogits);
}

function expectClose(actual: ArrayLike<number>, expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) expect(actual[i]).toBeCloseTo(value, 5);
}

test('docs/autodiff.md has the examples that are run here', () => {
  expect(others).toEqual([]);
});

test('the training loop lowers the loss', async () => {
  const context = { ...given(new Float32Array(D * V)), learningRate: 1 };
  // Its imports and constants are its own.
  const { hidden, weights, learningRate } = context as Record<string, unknown>;
  const own = { hidden, weights, learningRate, B, T, V, ...inputs };
  const { printed } = await runExample<object>(training, [], { modules, inputs: own });
  const losses = printed.filter((_, i) => i % 3 === 0) as number[];
  expect(losses).toHaveLength(5);
  expect(losses).toStrictEqual(losses.toSorted((a, b) => b - a));
  expect(losses[4]).toBeLessThan((losses[0] as number) - 0.05);
  expect(printed[1]).toBeCloseTo(Math.log(V), 6);
});

test('the pulled back gradient is that of the loss', async () => {
  const context = { modules, inputs: given(weightValues) };
  const { gradient } = await runExample<{ gradient: jax.Array }>(pulledBack, ['gradient'], context);
  expectClose(gradient.dataSync() as Float32Array, expectedGradient());
});

test('TensorFlow.js without custom gradients finds the gradient of the loss', async () => {
  const weights = tf.variable(tf.tensor(weightValues, [D, V]), true, 'weights');
  const hidden = tf.tensor(hiddenValues, [B * T, D]);
  const context = { tf, hidden, weights, B, T, V, policyLoss, inputs, ...surrogate };
  const { grads } = await runExample<{ grads: tf.NamedTensorMap }>(tensorflow, ['grads'], {
    modules,
    inputs: context,
  });
  expectClose((grads.weights as tf.Tensor).dataSync(), expectedGradient());
});

test('a loss over per-token results reaches the logits', async () => {
  const logits = array(waves(B * T * V) as Float32Array<ArrayBuffer>, [B, T, V]);
  const context = { modules, inputs: { ...given(weightValues), logits: logits.ref } };
  const { gradLogits } = await runExample<{ gradLogits: lpreg.Tensor }>(perToken, ['gradLogits'], context);
  // The example's loss is -sum(p_a): its gradient by the logits is -p_a (1[v = a] - p_v).
  const probabilities = jax.nn.softmax(logits).dataSync() as Float32Array;
  const expected = Array.from(probabilities, (p, i) => {
    const row = Math.floor(i / V);
    const action = actions[row] as number;
    const pa = probabilities[row * V + action] as number;
    return -pa * ((i % V === action ? 1 : 0) - p);
  });
  expectClose(gradLogits.data as Float32Array, expected);
});
