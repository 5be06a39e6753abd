/** A batch that is just there: for tests of the API's surface, which look at no number. */
import type { PolicyLossBatch, Tensor } from '../../lib/index.js';

/** Values between -3 and 3 without a pattern. */
export function waves(length: number, seed = 0): Float32Array {
  return Float32Array.from({ length }, (_, i) => 3 * Math.sin(12.9898 * i + seed));
}

export interface SmallBatch extends PolicyLossBatch {
  readonly logits: Omit<Tensor, 'data'> & { readonly data: Float32Array };
}

/** Every token valid, advantages of both signs. */
export function smallBatch(B = 2, T = 3, V = 5): SmallBatch {
  const N = B * T;
  return {
    logits: { data: waves(N * V), dtype: 'float32', shape: [B, T, V] },
    actions: Int32Array.from({ length: N }, (_, i) => (7 * i) % V),
    oldLogProbs: waves(N, 1).map((value) => value / 3 - 2),
    advantages: waves(N, 2),
    mask: new Uint8Array(N).fill(1),
  };
}
