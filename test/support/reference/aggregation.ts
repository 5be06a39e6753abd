/** Aggregation weights of SEMANTICS §4. */
import type { ReferenceInput } from './case.js';

function sequenceCounts(mask: Uint8Array, B: number, T: number): Float64Array {
  const counts = new Float64Array(B);
  mask.forEach((bit, token) => {
    const sequence = Math.floor(token / T);
    counts[sequence] = (counts[sequence] as number) + bit;
  });
  return counts;
}

/** `w_i` of every token under `mask` (0 elsewhere); given denominators are used exactly, without epsilon. */
export function aggregationWeights(input: ReferenceInput, mask: Uint8Array): Float64Array {
  const { B, T, agg_eps: epsilon, loss } = input.meta;
  const aggregation = loss === 'gspo' ? 'seq-mean-token-mean' : input.meta.agg;
  const counts = sequenceCounts(mask, B, T);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const sequences = input.sequenceCount ?? B;
  const weightOf = (sequence: number): number => {
    const length = input.sequenceLengths?.[sequence] ?? (counts[sequence] as number) + epsilon;
    switch (aggregation) {
      case 'token-mean':
        return 1 / (input.tokenCount ?? total + epsilon);
      case 'seq-mean-token-sum':
        return 1 / sequences;
      case 'seq-mean-token-mean':
        return 1 / (sequences * length);
      case 'seq-mean-token-sum-norm':
        return 1 / (input.maxLength ?? T);
    }
  };
  return Float64Array.from(mask, (bit, token) => (bit === 1 ? weightOf(Math.floor(token / T)) : 0));
}
