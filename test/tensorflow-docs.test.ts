/** The examples of docs/tensorflow.md. */
import * as tf from '@tensorflow/tfjs';
import { expect, test } from 'vitest';
import * as adapter from '../lib/adapters/tfjs/index.js';
import * as lpreg from '../lib/index.js';
import { examplesIn, runExample } from './support/examples.js';
import { smallBatch } from './support/small-batch.js';
import { describeOnBackends, taken } from './support/tfjs.js';

const [training, multiplication, ...others] = examplesIn('docs/tensorflow.md');
const modules = { '@tensorflow/tfjs': tf, 'lp-reg': lpreg, 'lp-reg/tfjs': adapter };

type Product = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;

test('docs/tensorflow.md has the two examples that are run here', () => {
  expect(others).toEqual([]);
});

describeOnBackends('examples', () => {
  test('the training loop lowers the loss and leaves no tensor', async () => {
    const [B, T, V] = [2, 3, 5];
    const { actions, advantages, mask } = smallBatch(B, T, V);
    const hidden = tf.randomNormal([B * T, 4], 0, 1, 'float32', 11);
    const weights = tf.variable(tf.zeros([4, V]));
    const oldLogProbs = new Float32Array(B * T).fill(-Math.log(V));
    const before = tf.memory().numTensors;
    const inputs = { hidden, weights, B, T, V, actions, oldLogProbs, advantages, mask };
    const { printed, optimizer } = await runExample<{ optimizer: tf.Optimizer }>(
      training as string,
      ['optimizer'],
      { modules, inputs },
    );
    const losses = printed.filter((_, i) => i % 3 === 0) as number[];
    expect(losses).toHaveLength(5);
    expect(losses).toStrictEqual(losses.toSorted((a, b) => b - a));
    expect(losses[4]).toBeLessThan((losses[0] as number) - 0.05);
    expect(printed[1]).toBeCloseTo(Math.log(V), 6);
    optimizer.dispose();
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose([hidden, weights]);
  });

  test('matMul with explicit transposes has the value and the gradients of tf.matMul', async () => {
    const { matMul } = await runExample<{ matMul: Product }>(multiplication as string, ['matMul'], {
      modules,
      inputs: { tf },
    });
    const [a, b] = [tf.randomNormal([3, 4], 0, 1, 'float32', 1), tf.randomNormal([4, 5], 0, 1, 'float32', 2)];
    const dy = tf.randomNormal([3, 5], 0, 1, 'float32', 3);
    const [own, plain] = [matMul, tf.matMul as Product].map((product) =>
      tf.valueAndGrads(product)([a, b], dy),
    );
    for (const [mine, theirs] of [
      [own?.value, plain?.value],
      [own?.grads[0], plain?.grads[0]],
      [own?.grads[1], plain?.grads[1]],
    ] as [tf.Tensor, tf.Tensor][]) {
      expect(mine.shape).toStrictEqual(theirs.shape);
      const expected = taken(theirs);
      for (const [i, value] of taken(mine).entries()) expect(value).toBeCloseTo(expected[i] as number, 5);
    }
  });
});
