/**
 * What went wrong in published kernels and trainers, asked of this library. Numbered as the issues were collected; a link
 * leads to the issue. Lessons 1 to 3, 5 and 6 have files of their own; where another hazard has one too, this is its
 * shortest form.
 */
import { describe, expect, test } from 'vitest';
import { PolicyLoss, tokenStatsSync } from '../lib/index.js';
import { differences, sameBits } from './support/bits.js';
import { buildBatch, EVERY_TERM } from './support/built-batch.js';
import { drawnBatches } from './support/drawn-cases.js';
import { thrownBy } from './support/errors.js';
import { flatten, numbersOf, oneCall, twoCalls } from './support/product.js';
import { changed, productCase, tensorOf } from './support/product-case.js';
import { logSoftmax } from './support/reference/row.js';
import { besideOneAllowance, COMPUTED_ULPS, STORED_ULPS, ulpsApart } from './support/tolerance.js';

const TYPES = ['f32', 'bf16', 'f16'] as const;

// https://github.com/verl-project/verl/pull/7439; on a grid, bit for bit: shift-invariance.test.ts
test.each([-1e4, -1e30, 1e30])('lesson 4: a row far from 0 (%d) has the entropy of any flat row', (level) => {
  const V = 100;
  const { tokens } = tokenStatsSync({
    logits: tensorOf(new Float32Array(V).fill(level), [1, V]),
    actions: Int32Array.of(7),
  });
  expect(ulpsApart(tokens.logProbs[0] as number, -Math.log(V))).toBeLessThanOrEqual(STORED_ULPS);
  expect(ulpsApart(tokens.entropy[0] as number, Math.log(V))).toBeLessThanOrEqual(STORED_ULPS);
});

// https://github.com/linkedin/Liger-Kernel/issues/272, https://github.com/verl-project/verl/pull/1672
test('lesson 7: logits are overwritten only by a call that names them, and are then used up', () => {
  const { input } = buildBatch(EVERY_TERM);
  const given = productCase(input);
  const { logits } = given.batch;
  const before = (logits.data as Float32Array).slice();
  const policyLoss = new PolicyLoss(given.options);
  const first = policyLoss.forwardSync(given.batch);
  policyLoss.forwardBackwardSync(given.batch);
  first.backwardSync();
  expect(sameBits(logits.data, before)).toBe(true);

  first.backwardSync({ into: logits });
  expect(sameBits(logits.data, before)).toBe(false);
  expect(thrownBy(() => first.backwardSync())).toMatchObject({ code: 'ERR_CONSUMED', argument: 'logits' });
});

// https://github.com/linkedin/Liger-Kernel/issues/512, https://github.com/huggingface/trl/pull/7125
test.each(TYPES)('lesson 9: %s logits over 262144 tokens lose nothing in the sums', (type) => {
  const V = 262_144;
  const logits = tensorOf(new Float32Array(V).fill(1.5), [1, 1, V], type);
  const given = {
    logits,
    actions: Int32Array.of(V - 1),
    oldLogProbs: Float32Array.of(-Math.log(V)),
    advantages: Float32Array.of(1),
  };
  const { tokens, gradLogits } = new PolicyLoss({ objective: 'grpo' }).forwardBackwardSync(given, {
    dtype: 'float32',
  });
  expect(ulpsApart(tokens.logProbs[0] as number, -Math.log(V))).toBeLessThanOrEqual(STORED_ULPS);
  expect(ulpsApart(tokens.entropy[0] as number, Math.log(V))).toBeLessThanOrEqual(STORED_ULPS);
  const coefficient = tokens.coefLogProb[0] as number;
  expect(coefficient).not.toBe(0);
  const gradient = gradLogits.data as Float32Array;
  expect(ulpsApart(gradient[0] as number, -coefficient / V)).toBeLessThanOrEqual(COMPUTED_ULPS);
  expect(ulpsApart(gradient[V - 1] as number, coefficient * (1 - 1 / V))).toBeLessThanOrEqual(COMPUTED_ULPS);
});

// https://github.com/huggingface/trl/pull/3248, https://github.com/huggingface/trl/issues/6369
test('lesson 10: masked tokens are in no denominator', () => {
  const { input } = buildBatch({ B: 1, T: 4, seed: 5 });
  const half = { ...input, mask: Uint8Array.of(1, 0, 1, 0) };
  const weights = oneCall(productCase(half)).tokens.weight as Float32Array;
  expect([...weights]).toEqual([0.5, 0, 0.5, 0]);
});

// https://github.com/huggingface/trl/pull/5597; every option: option-effects.test.ts
test('lesson 11: an entropy bonus changes loss and gradient, and one that cannot act is an error', () => {
  const { input } = buildBatch();
  const plain = productCase(input);
  const bonus = changed(plain, {}, { entropyCoef: 0.1 });
  const [without, with_] = [oneCall(plain), oneCall(bonus)];
  expect(with_.loss).not.toBe(without.loss);
  expect(numbersOf(with_.gradient)).not.toEqual(numbersOf(without.gradient));
  const misspelt = changed(plain, {}, { entropyCoeff: 0.1 });
  expect(thrownBy(() => new PolicyLoss(misspelt.options))).toMatchObject({
    code: 'ERR_OPTION_WITHOUT_EFFECT',
    argument: 'entropyCoeff',
  });
});

// https://github.com/ServiceNow/Fast-LLM/issues/228; by differences: gradient-differences.test.ts
test('lesson 12: doubled logits at twice the temperature have the same loss and half the gradient', () => {
  const { input } = buildBatch(EVERY_TERM);
  const plain = oneCall(productCase(input));
  const doubled = { ...input, logits: input.logits.map((z) => 2 * z) as Float32Array };
  const hot = oneCall(changed(productCase(doubled), {}, { temperature: 2 }));
  expect(hot.loss).toBe(plain.loss);
  expect(hot.tokens).toEqual(plain.tokens);
  expect(numbersOf(hot.gradient)).toEqual(numbersOf(plain.gradient).map((slope) => slope / 2));
});

// https://github.com/huggingface/trl/issues/6789
test('lesson 13: the kept mass is the importance correction of sampling from the filtered policy', () => {
  const { input } = buildBatch({ V: 100, seed: 2 });
  const kappa = 0.1;
  const { logits, actions } = productCase(input).batch;
  const { tokens } = tokenStatsSync({ logits, actions }, { filter: { kind: 'min-p', kappa } });
  actions.forEach((action: number | bigint, token: number) => {
    const row = Float64Array.from(input.logits.subarray(token * 100, token * 100 + 100));
    const cut = Math.max(...row) + Math.log(kappa);
    const kept = row.map((z) => (z >= cut ? z : -Infinity));
    const truncated = logSoftmax(kept, 1)[Number(action)] as number;
    if (truncated === -Infinity) return;
    const corrected = (tokens.logProbs[token] as number) - (tokens.logKeptMass?.[token] as number);
    expect(Math.abs(corrected - truncated)).toBeLessThanOrEqual(2 * besideOneAllowance(truncated));
  });
});

// https://github.com/verl-project/verl/issues/2608
test('lesson 14: an entropy that nobody asks for is not there, and nothing else changes', () => {
  for (const { input } of drawnBatches('grpo', 10, ({ meta }) => meta.extras.entropy_coef === undefined)) {
    const given = productCase(input);
    const outputs = ['logProbs', 'tokenLoss'] as const;
    const without = twoCalls(given, { outputs });
    expect(Object.keys(without.tokens)).toEqual(outputs);
    expect(without.metrics.entropy).toBeNaN();
    const with_ = twoCalls(given);
    expect(without.loss).toBe(with_.loss);
    for (const field of outputs) expect(without.tokens[field]).toEqual(with_.tokens[field]);
    expect(without.gradient).toEqual(with_.gradient);
  }
});

// https://github.com/sgl-project/sglang/pull/38565, https://github.com/fla-org/flash-linear-attention/pull/1076
describe('lesson 15: results repeat, signs are right, and nothing underflows', () => {
  test('the same call gives the same bits again', () => {
    const given = productCase(buildBatch({ ...EVERY_TERM, B: 8, T: 16, V: 997 }).input);
    const first = flatten(oneCall(given));
    for (let i = 0; i < 5; i++) expect(differences(flatten(oneCall(given)), first)).toEqual([]);
  });

  test.each([1, -1])('advantage %d: descending the gradient moves the sampled token its way', (advantage) => {
    const { input } = buildBatch({ advantage: () => advantage, hyper: { low: 0.9, high: 5 } });
    const gradient = numbersOf(oneCall(productCase(input)).gradient);
    input.actions.forEach((action, token) => {
      const slope = gradient[token * input.meta.V + action] as number;
      expect(Math.sign(slope)).toBe(-advantage);
    });
  });

  test('a token that is a thousand nats away has its log-probability and gradient', () => {
    const logits = tensorOf([1000, 0, 0.5], [1, 1, 3]);
    const stats = tokenStatsSync({ logits, actions: Int32Array.of(1) });
    expect(stats.tokens.logProbs[0]).toBe(-1000);
    const gradient = stats.backwardSync({ dLogProbs: Float32Array.of(1) });
    expect([...numbersOf(gradient)].map((slope) => slope + 0)).toEqual([-1, 1, 0]);
  });
});

// https://github.com/flashinfer-ai/flashinfer/issues/2202
describe('lesson 16: a token exactly on the threshold is kept, the next lower number is not', () => {
  const V = 75;
  const below = (z: number) =>
    new Float32Array(
      new Uint32Array([new Uint32Array(Float32Array.of(z).buffer)[0]! + 1]).buffer,
    )[0] as number;

  test.each([1, 2, 0.5])('min-p at temperature %d', (temperature) => {
    // log kappa is exactly -1, and every number below is a float32 number.
    const filter = { kind: 'min-p', kappa: Math.exp(-1) } as const;
    for (let at = 1; at < V; at++) {
      const row = new Float32Array(V).fill(-50);
      row[0] = 0;
      row[at] = -temperature;
      const kept = () => tokenStatsSync({ logits: tensorOf(row, [1, V]) }, { temperature, filter }).tokens;
      expect(kept().keepCount?.[0]).toBe(2);
      row[at] = below(-temperature);
      expect(kept().keepCount?.[0]).toBe(1);
    }
  });

  test.each([2, 4])('fixed filter: %i tokens alike at tau = 1/%i are all kept', (alike) => {
    const row = new Float32Array(V).fill(-Infinity).fill(3, 10, 10 + alike);
    const { tokens } = tokenStatsSync(
      { logits: tensorOf(row, [1, V]) },
      { filter: { kind: 'fixed', tau: 1 / alike } },
    );
    expect(tokens.keepCount?.[0]).toBe(alike);
    expect(tokens.logKeptMass?.[0]).toBe(0);
  });

  test.each([
    { kind: 'min-p', kappa: 1 },
    { kind: 'fixed', tau: 1 },
  ] as const)('%o keeps the argmax', (filter) => {
    const row = Float32Array.from({ length: V }, (_, v) => Math.sin(v));
    const { tokens } = tokenStatsSync({ logits: tensorOf(row, [1, V]) }, { filter });
    expect(tokens.keepCount?.[0]).toBe(1);
  });
});

// https://github.com/PrimeIntellect-ai/prime-rl/pull/1525
test('lesson 17: row i is the distribution of action i, without a shift', () => {
  const [T, V] = [6, 11];
  const data = Float32Array.from({ length: T * V }, (_, i) => Math.cos(3 * i));
  const actions = Int32Array.from({ length: T }, (_, t) => (4 * t + 1) % V);
  const { tokens } = tokenStatsSync({ logits: tensorOf(data, [1, T, V]), actions });
  actions.forEach((action, t) => {
    const expected = logSoftmax(Float64Array.from(data.subarray(t * V, t * V + V)), 1)[action] as number;
    expect(Math.abs((tokens.logProbs[t] as number) - expected)).toBeLessThanOrEqual(
      besideOneAllowance(expected),
    );
  });
});
