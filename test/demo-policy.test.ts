/** Parts of the demo: verifier, pass@k, advantages, and a sampler whose cache changes nothing. */
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../lib/bench/random.js';
import { demoModule } from './support/demo.js';

const task = await demoModule('task.mjs');
const { drawExamples } = await demoModule('examples.mjs');
const { passAtK } = await demoModule('evaluate.mjs');
const { groupAdvantages } = await demoModule('rlvr.mjs');
const { drawAnswers, answerArrays, answerLogits } = await demoModule('policy.mjs');
const { drawWeights } = await demoModule('transformer.mjs');
const { startBackend } = await demoModule('backend.mjs');

describe('verifier', () => {
  it.each([
    ['6*7-4', 38],
    ['2+3*4', 14],
    ['(2+3)*4', 20],
    ['9-(5-2)', 6],
    ['9-5-2', 2],
    ['((7))', 7],
  ])('%s is %d', (text, value) => {
    expect(task.evaluate(text)).toBe(value);
  });

  it.each(['', '12', '1+', '(1+2', '1+2)', '1=1', '+1', '2(3)', '()'])("'%s' is no expression", (text) => {
    expect(task.evaluate(text)).toBeUndefined();
  });

  it('an answer without an end, or of another value, is not rewarded', () => {
    const answer = (text: string) => Int32Array.from(text, (character) => task.VOCABULARY.indexOf(character));
    expect(task.rewardOf(answer('6*7-4...'), 38)).toBe(1);
    expect(task.rewardOf(answer('6*7-4...'), 39)).toBe(0);
    expect(task.rewardOf(answer('6*7-4+00'), 38)).toBe(0);
  });

  it('examples equal their target, fit the answer, and exist for each', () => {
    const examples: Map<number, string[]> = drawExamples(new Random(1));
    for (const [target, expressions] of examples) {
      expect(expressions.length, `target ${target}`).toBeGreaterThan(0);
      for (const expression of new Set(expressions)) {
        expect(task.rewardOf(Int32Array.from(task.answerFor(expression)), target), expression).toBe(1);
      }
    }
  });
});

it('pass@k is the share of k-subsets that hold a correct answer', () => {
  expect(passAtK(16, 0, 8)).toBe(0);
  expect(passAtK(16, 9, 8)).toBe(1);
  expect(passAtK(4, 1, 2)).toBeCloseTo(1 / 2, 12);
  expect(passAtK(5, 2, 3)).toBeCloseTo(9 / 10, 12);
});

it('advantages have mean 0 and deviation 1 in a group, and are 0 where all rewards are alike', () => {
  expect(groupAdvantages([1, 1, 1])).toEqual([0, 0, 0]);
  const advantages: number[] = groupAdvantages([1, 0, 0, 0]);
  expect(advantages.reduce((a, b) => a + b)).toBeCloseTo(0, 12);
  expect(advantages.reduce((sum, a) => sum + a * a, 0) / 3).toBeCloseTo(1, 12);
});

describe('sampler', () => {
  const size = { vocabulary: task.VOCABULARY.length, positions: 11, width: 16, heads: 4, layers: 2 };
  beforeAll(startBackend);

  it('log-probs drawn with the key-value cache are those of a whole forward pass', () => {
    const weights = drawWeights(size, new Random(2));
    const targets = [10, 23, 38, 59, 41, 17];
    const rollouts = drawAnswers(weights, size, targets, new Random(3));
    const { actions, mask, length } = answerArrays(rollouts);
    const whole = tf.tidy(() => {
      const logProbs = tf.logSoftmax(answerLogits(weights, size, rollouts));
      return logProbs.dataSync();
    });
    expect(length).toBeGreaterThan(2);
    let compared = 0;
    mask.forEach((valid: number, row: number) => {
      if (valid === 0) return;
      const expected = whole[row * size.vocabulary + actions[row]] as number;
      const drawn = rollouts[Math.floor(row / length)].logProbs[row % length];
      expect(Math.abs(drawn - expected)).toBeLessThan(1e-5);
      compared++;
    });
    expect(compared).toBeGreaterThan(20);
  });

  it('drawing leaves no tensors behind', () => {
    const weights = drawWeights(size, new Random(2));
    const before = tf.memory().numTensors;
    drawAnswers(weights, size, [10, 11], new Random(3));
    expect(tf.memory().numTensors).toBe(before);
  });
});
