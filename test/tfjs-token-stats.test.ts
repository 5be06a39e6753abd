import * as tf from '@tensorflow/tfjs';
import { expect, test } from 'vitest';
import { differentiableObjective, differentiableTokenStats } from '../lib/adapters/tfjs/index.js';
import { PolicyLoss, type PolicyLossBatch, tokenStatsSync } from '../lib/index.js';
import { thrownBy } from './support/errors.js';
import { logSoftmax } from './support/reference/row.js';
import { smallBatch, waves } from './support/small-batch.js';
import { describeOnBackends, taken, tensorOf } from './support/tfjs.js';

const STEP = 1e-5;
const { logits, actions, oldLogProbs, advantages } = smallBatch();
const mask = Uint8Array.of(1, 1, 0, 1, 0, 1);
const filter = { kind: 'min-p', kappa: 0.1 } as const;
const cotangents = { logProbs: waves(6, 3), entropy: waves(6, 4), kl: waves(6, 5) };

/** `sum(dLogProbs * logProb + dEntropy * H + dKl * KL)` in float64, with the proxies' `log q` held as given. */
function weightedSum(values: Float64Array, proxies: readonly number[][]): number {
  let sum = 0;
  for (let row = 0; row < 6; row++) {
    if (mask[row] === 0) continue;
    const logp = logSoftmax(values.subarray(5 * row, 5 * row + 5), 1);
    const at = (field: keyof typeof cotangents) => cotangents[field][row] as number;
    sum += at('logProbs') * (logp[actions[row] as number] as number);
    for (const [v, logq] of (proxies[row] as number[]).entries()) {
      sum -= at('entropy') * Math.exp(logp[v] as number) * (logp[v] as number);
      if (logq > -Infinity) sum += at('kl') * Math.exp(logq) * (logq - (logp[v] as number));
    }
  }
  return sum;
}

function proxiesOf(values: Float64Array): number[][] {
  return Array.from({ length: 6 }, (_, row) => {
    const logp = [...logSoftmax(values.subarray(5 * row, 5 * row + 5), 1)];
    const kept = logp.map((value) => value >= Math.max(...logp) + Math.log(filter.kappa));
    const mass = logp.reduce((sum, value, v) => sum + (kept[v] ? Math.exp(value) : 0), 0);
    return logp.map((value, v) => (kept[v] ? value - Math.log(mass) : -Infinity));
  });
}

describeOnBackends('differentiableTokenStats', () => {
  test('one statistic alone has the gradient that it has beside another', () => {
    const gradientOf = (outputs: readonly ('logProbs' | 'entropy')[]) =>
      taken(
        tf.grad((x) =>
          tf.sum(differentiableTokenStats({ logits: x, actions, mask }, { outputs }).logProbs as tf.Tensor),
        )(tensorOf(logits)),
      );
    expect(gradientOf(['logProbs'])).toStrictEqual(gradientOf(['logProbs', 'entropy']));
  });

  test('the gradient of all three agrees with central differences, masked rows are 0', () => {
    const gradient = taken(
      tf.grad((x) => {
        const stats = differentiableTokenStats(
          { logits: x, actions, mask },
          { filter, outputs: ['logProbs', 'entropy', 'kl'] },
        );
        const weighted = (field: keyof typeof cotangents) =>
          tf.sum(tf.mul(stats[field], tf.tensor(cotangents[field], [2, 3])));
        return tf.addN([weighted('logProbs'), weighted('entropy'), weighted('kl')]);
      })(tensorOf(logits)),
    );
    const values = Float64Array.from(logits.data);
    const proxies = proxiesOf(values);
    for (const [i, value] of values.entries()) {
      values[i] = value + STEP;
      const above = weightedSum(values, proxies);
      values[i] = value - STEP;
      const below = weightedSum(values, proxies);
      values[i] = value;
      expect(gradient[i]).toBeCloseTo((above - below) / (2 * STEP), 5);
    }
    expect([...gradient].some((value) => Math.abs(value) > 0.1)).toBe(true);
    expect(gradient.subarray(10, 15)).toStrictEqual(new Float32Array(5));
  });

  test('values and shapes are those of tokenStats; the other statistics are arrays', () => {
    const expected = tokenStatsSync({ logits, actions, mask }, { filter }).tokens;
    const { tokens, ...tensors } = differentiableTokenStats(
      { logits: tensorOf(logits), actions, mask },
      { filter },
    );
    expect(tokens).toStrictEqual(expected);
    expect(Object.keys(tensors)).toStrictEqual(['logProbs', 'entropy', 'kl']);
    for (const [field, tensor] of Object.entries(tensors)) {
      expect(tensor?.shape).toStrictEqual([2, 3]);
      expect(tensor?.dataSync()).toStrictEqual(expected[field as 'kl']);
    }
    const packed = differentiableTokenStats({ logits: tensorOf({ ...logits, shape: [6, 5] }) });
    expect(packed.entropy.shape).toStrictEqual([6]);
    expect(packed.logProbs).toBeUndefined();
  });

  test('one statistic alone can be asked for, or none', () => {
    const inputs = { logits: tensorOf(logits), actions };
    const { entropy, logProbs } = differentiableTokenStats(inputs, { outputs: ['entropy'] });
    expect(entropy.shape).toStrictEqual([2, 3]);
    expect(logProbs).toBeUndefined();
    const { tokens, ...none } = differentiableTokenStats(inputs, { outputs: ['logSumExp'] });
    expect(tokens.logSumExp).toHaveLength(6);
    expect(none).toStrictEqual({});
  });

  test('no tensor is left over by forward and backward pass', () => {
    const x = tensorOf(logits);
    const before = tf.memory().numTensors;
    const f = (given: tf.Tensor) => tf.sum(differentiableTokenStats({ logits: given, actions }).logProbs);
    tf.tidy(() => {
      f(x);
    });
    tf.dispose({ ...differentiableTokenStats({ logits: x, actions }), tokens: [] });
    tf.dispose(tf.valueAndGrad(f)(x));
    expect(tf.memory().numTensors).toBe(before);
  });

  test('a cotangent that is not finite is refused', () => {
    const f = (x: tf.Tensor) => tf.sum(tf.mul(differentiableTokenStats({ logits: x, actions }).entropy, NaN));
    expect(thrownBy(() => tf.grad(f)(tensorOf(logits)))).toMatchObject({
      code: 'ERR_NON_FINITE_INPUT',
      argument: 'dEntropy',
    });
  });
});

describeOnBackends('differentiableObjective', () => {
  const policyLoss = new PolicyLoss({ objective: 'grpo', entropyCoef: 0.1 });
  const scalars = { oldLogProbs, advantages, mask } satisfies Partial<PolicyLossBatch>;
  const { tokens } = tokenStatsSync({ logits, actions, mask });
  const expected = policyLoss.objectiveSync({ shape: [2, 3], tokens, ...scalars });

  test("a trainer's own log-probabilities get the coefficients as gradient, times the upstream one", () => {
    const f = (logProbs: tf.Tensor, entropy: tf.Tensor) =>
      tf.mul(differentiableObjective(policyLoss, { ...scalars, tokens: { logProbs, entropy } }).loss, 3);
    const statistics = [tf.tensor(tokens.logProbs, [2, 3]), tf.tensor(tokens.entropy, [2, 3])];
    const { value, grads } = tf.valueAndGrads(f)(statistics);
    expect(taken(value)[0]).toBeCloseTo(3 * expected.loss, 6);
    const [dLogProbs, dEntropy] = grads as [tf.Tensor, tf.Tensor];
    expect(dLogProbs.shape).toStrictEqual([2, 3]);
    expect(taken(dLogProbs)).toStrictEqual(expected.tokens.coefLogProb.map((c) => 3 * c));
    expect(taken(dEntropy)).toStrictEqual(expected.tokens.coefEntropy.map((c) => 3 * c));
  });

  test('packed log-probabilities [N] have cuSeqLens; statistics without a gradient may be arrays', () => {
    const result = differentiableObjective(policyLoss, {
      ...scalars,
      cuSeqLens: Int32Array.of(0, 3, 6),
      tokens: { ...tokens, logProbs: tf.tensor1d(tokens.logProbs) },
    });
    expect(result).toMatchObject({
      lossValue: expected.loss,
      metrics: expected.metrics,
      tokens: expected.tokens,
    });
    expect(taken(result.loss)[0]).toBe(Math.fround(expected.loss));
  });

  test('log-probabilities that are no tensor have nothing to differentiate', () => {
    const call = (logProbs: unknown) => () =>
      differentiableObjective(policyLoss, { ...scalars, tokens: { logProbs: logProbs as tf.Tensor } });
    expect(thrownBy(call(tokens.logProbs))).toMatchObject({ code: 'ERR_TYPE', argument: 'tokens.logProbs' });
    expect(thrownBy(call(undefined))).toMatchObject({ code: 'ERR_MISSING', argument: 'tokens.logProbs' });
    const none = () => differentiableObjective(policyLoss, { ...scalars, tokens: null as never });
    expect(thrownBy(none)).toMatchObject({ code: 'ERR_TYPE', argument: 'tokens' });
  });
});
