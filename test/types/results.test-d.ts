/** Types of batches and results. */
import { describe, expectTypeOf, test } from 'vitest';
import {
  PolicyLoss,
  type PolicyLossBatch,
  presets,
  type Tensor,
  tokenStats,
  tokenStatsSync,
} from '../../lib/index.js';

declare const batch: PolicyLossBatch;
declare const policyLoss: PolicyLoss;
const [B, T, V] = [2, 3, 5];

describe('the example of the README', () => {
  test('compiles as it is printed', async () => {
    const { actions, oldLogProbs, advantages, mask } = batch;
    const loss = new PolicyLoss({ objective: 'lp-reg' });
    const logits = { data: new Float32Array(B * T * V), dtype: 'float32', shape: [B, T, V] };
    const result = await loss.forward({ logits, actions, oldLogProbs, advantages, mask });
    expectTypeOf(result.loss).toBeNumber();
    expectTypeOf(result.metrics.entropy).toBeNumber();
    expectTypeOf(result.tokens.logProbs).toEqualTypeOf<Float32Array>();
    const gradLogits = await result.backward({ into: logits, gradOutput: 1 });
    expectTypeOf(gradLogits).toEqualTypeOf(logits);
    const both = loss.forwardBackwardSync(
      { logits, actions, oldLogProbs, advantages, mask },
      { into: logits },
    );
    expectTypeOf(both.gradLogits.data).toEqualTypeOf<Float32Array<ArrayBuffer>>();
  });
});

describe('per-token results', () => {
  test('that were asked for are there, others may be', async () => {
    const { tokens } = await policyLoss.forward(batch, { outputs: ['keepCount', 'clipped'] });
    expectTypeOf(tokens.keepCount).toEqualTypeOf<Int32Array>();
    expectTypeOf(tokens.clipped).toEqualTypeOf<Uint8Array>();
    expectTypeOf(tokens.logProbs).toEqualTypeOf<Float32Array | undefined>();
  });

  test('of another name do not compile', () => {
    // @ts-expect-error
    policyLoss.forwardSync(batch, { outputs: ['logProb'] });
  });

  test('of tokenStats need actions for what is about actions', async () => {
    const { logits, actions } = batch;
    expectTypeOf((await tokenStats({ logits, actions })).tokens.logProbs).toEqualTypeOf<Float32Array>();
    expectTypeOf(tokenStatsSync({ logits }).tokens.logProbs).toEqualTypeOf<Float32Array | undefined>();
    expectTypeOf(tokenStatsSync({ logits }).tokens.entropy).toEqualTypeOf<Float32Array>();
  });
});

describe('inputs', () => {
  test('of the wrong type do not compile', () => {
    const { mask: _, ...rest } = batch;
    // @ts-expect-error
    policyLoss.forwardSync({ ...rest, mask: [1, 1] });
    // @ts-expect-error
    policyLoss.forwardSync({ ...rest, oldLogProbs: new Float64Array(6) });
    // @ts-expect-error
    policyLoss.forwardSync({ ...rest, actions: new Uint32Array(6) });
    // @ts-expect-error
    policyLoss.forwardSync({ logits: rest.logits });
  });

  test('that nobody knows do not compile', () => {
    // @ts-expect-error
    policyLoss.forwardSync({ ...batch, oldLogprobs: batch.oldLogProbs });
    // @ts-expect-error
    policyLoss.forwardSync(batch, { signal: AbortSignal.abort() });
    // @ts-expect-error
    tokenStatsSync({ logits: batch.logits }, { proxy: 'current' });
    // @ts-expect-error
    tokenStatsSync({ logits: batch.logits }, { proxy: 'snapshot', filter: { kind: 'min-p', kappa: 0.1 } });
  });

  test('in shared memory compile', () => {
    const data = new Float32Array(new SharedArrayBuffer(120));
    expectTypeOf({ data, dtype: 'float32', shape: [B, T, V] } as const).toExtend<Tensor>();
  });
});

describe('presets', () => {
  test('take the options of their loss only', () => {
    presets.dapo({ temperature: 0.7, dualClip: 3 });
    // @ts-expect-error
    presets.dapo({ beta: 1 });
    // @ts-expect-error
    presets.gspo({ aggregation: 'token-mean' });
    // @ts-expect-error
    presets.lpRegReference({ proxy: 'current' });
    // @ts-expect-error
    presets.grpo({ objective: 'gspo' });
  });
});
