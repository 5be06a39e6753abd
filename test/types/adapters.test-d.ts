/** Types of the adapters. */
import type * as tf from '@tensorflow/tfjs-core';
import { describe, expectTypeOf, test } from 'vitest';
import { surrogateLoss, surrogateLossSync } from '../../lib/adapters/surrogate/index.js';
import {
  differentiableLoss,
  differentiableObjective,
  differentiableTokenStats,
  type TensorBatch,
} from '../../lib/adapters/tfjs/index.js';
import type { PolicyLoss, PolicyLossBatch } from '../../lib/index.js';

declare const policyLoss: PolicyLoss;
declare const logits: tf.Tensor3D;
declare const tensor: tf.Tensor;
const { actions, oldLogProbs, advantages } = {} as PolicyLossBatch;

describe('lp-reg/tfjs', () => {
  test('the loss is a scalar, its per-token results are arrays', () => {
    const batch = { logits, actions: tensor, oldLogProbs, advantages, mask: tensor };
    const result = differentiableLoss(policyLoss, batch, { outputs: ['clipped'] });
    expectTypeOf(result.loss).toEqualTypeOf<tf.Scalar>();
    expectTypeOf(result.lossValue).toBeNumber();
    expectTypeOf(result.metrics.entropy).toBeNumber();
    expectTypeOf(result.tokens.clipped).toEqualTypeOf<Uint8Array>();
    expectTypeOf(result.tokens.logProbs).toEqualTypeOf<Float32Array | undefined>();
  });

  test('logits are a tensor, names are those of the library', () => {
    const { logits: _, ...rest } = {} as TensorBatch<PolicyLossBatch>;
    // @ts-expect-error
    differentiableLoss(policyLoss, rest);
    // @ts-expect-error
    differentiableLoss(policyLoss, { ...rest, logits: new Float32Array(6) });
    // @ts-expect-error
    differentiableLoss(policyLoss, { ...rest, logits, oldLogprobs: tensor });
    // @ts-expect-error
    differentiableLoss(policyLoss, { ...rest, logits, tokenCount: tensor });
  });

  test('statistics with a gradient are tensors; those about actions need actions', () => {
    const { logProbs, entropy, kl, tokens } = differentiableTokenStats({ logits, actions });
    expectTypeOf(logProbs).toEqualTypeOf<tf.Tensor>();
    expectTypeOf(entropy).toEqualTypeOf<tf.Tensor>();
    expectTypeOf(kl).toEqualTypeOf<tf.Tensor | undefined>();
    expectTypeOf(tokens.logProbs).toEqualTypeOf<Float32Array>();
    expectTypeOf(differentiableTokenStats({ logits }).logProbs).toEqualTypeOf<tf.Tensor | undefined>();
    // @ts-expect-error
    differentiableTokenStats({ logits }, { outputs: ['logProb'] });
  });

  test('the scalar stage takes tensors of statistics', () => {
    const batch = { tokens: { logProbs: tensor, entropy: tensor }, oldLogProbs, advantages };
    expectTypeOf(differentiableObjective(policyLoss, batch).loss).toEqualTypeOf<tf.Scalar>();
    // @ts-expect-error
    differentiableObjective(policyLoss, { ...batch, logits });
  });
});

describe('lp-reg/surrogate', () => {
  test('values and shape in, a gradient as an array out', async () => {
    const batch = { logits: new Float32Array(6), shape: [1, 2, 3], actions, oldLogProbs, advantages };
    const { gradLogits, loss, tokens } = await surrogateLoss(policyLoss, batch, { outputs: ['entropy'] });
    expectTypeOf(gradLogits).toEqualTypeOf<Float32Array>();
    expectTypeOf(loss).toBeNumber();
    expectTypeOf(tokens.entropy).toEqualTypeOf<Float32Array>();
    // @ts-expect-error
    surrogateLossSync(policyLoss, { ...batch, shape: undefined });
    // @ts-expect-error
    surrogateLossSync(policyLoss, batch, { signal: AbortSignal.abort() });
  });
});
