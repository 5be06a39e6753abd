/** A batch of the reference as options and batch of the library under test, through the product's own table of names. */
import { parseBatchMetadata } from '../../lib/cli/batch-metadata.js';
import type { PolicyLossBatch, PolicyLossOptions, Tensor } from '../../lib/index.js';
import { encodeHalf, type HalfType } from './half.js';
import type { ReferenceInput } from './reference/case.js';
import type { GradientType } from './tolerance.js';

/** What one call of the library is given. */
export interface ProductCase {
  options: PolicyLossOptions;
  batch: PolicyLossBatch;
}

export const DTYPES = { f32: 'float32', f16: 'float16', bf16: 'bfloat16' } as const;

/** A dense tensor. 16-bit elements are those of `values` rounded. */
export function tensorOf(
  values: ArrayLike<number>,
  shape: readonly number[],
  type: GradientType = 'f32',
): Tensor {
  const data = type === 'f32' ? Float32Array.from(values) : encodeHalf(values, type);
  return { data, dtype: DTYPES[type], shape };
}

/** The inputs that are given in place of what is counted; those that are absent stay absent. */
function givenCounts(input: ReferenceInput): Partial<PolicyLossBatch> {
  const { tokenCount, sequenceCount, sequenceLengths, maxLength } = input;
  return { tokenCount, sequenceCount, sequenceLengths, maxLength };
}

/** `logits` names the copy to evaluate; 16-bit ones are in `input.logits16`. */
export function productCase(input: ReferenceInput, logits: 'f32' | HalfType = 'f32'): ProductCase {
  const { B, T, V } = input.meta;
  const { options, proxy, needsReference, probThreshold } = parseBatchMetadata(JSON.stringify(input.meta));
  const batch: PolicyLossBatch = {
    logits:
      logits === 'f32'
        ? tensorOf(input.logits, [B, T, V])
        : { data: input.logits16 as Uint16Array, dtype: DTYPES[logits], shape: [B, T, V] },
    actions: input.actions,
    oldLogProbs: input.oldLogp,
    advantages: input.advantages,
    mask: input.mask,
    ...givenCounts(input),
    rolloutWeights: input.rolloutWeights,
    chosen: input.meta.loss === 'clip-cov' ? input.chosen : undefined,
    refLogProbs: needsReference ? input.refLogp : undefined,
    oldLogits: proxy === 'old' ? tensorOf(input.oldLogits as Float32Array, [B, T, V]) : undefined,
    proxyLogProbs: proxy === 'stored' ? input.storedProxyLogp : undefined,
    probThreshold,
  };
  return { options: options as unknown as PolicyLossOptions, batch };
}

/** The same call with some inputs or options replaced. */
export function changed(
  { options, batch }: ProductCase,
  inputs: Partial<PolicyLossBatch>,
  moreOptions: Readonly<Record<string, unknown>> = {},
): ProductCase {
  return {
    options: { ...options, ...moreOptions } as PolicyLossOptions,
    batch: { ...batch, ...inputs },
  };
}
