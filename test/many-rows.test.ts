/** Rows are found by 64-bit offsets, and there may be more of them than any 16-bit count holds. */
import { expect, test } from 'vitest';
import { type Tensor, tokenStatsSync } from '../lib/index.js';
import { tensorOf } from './support/product-case.js';
import { logSoftmax } from './support/reference/row.js';
import { besideOneAllowance } from './support/tolerance.js';

// https://github.com/linkedin/Liger-Kernel/pull/1294
test('lesson 6: more rows than 65535 are as good as few', () => {
  const [rows, V] = [70_001, 3];
  const data = Float32Array.from({ length: rows * V }, (_, i) => Math.sin(i));
  const actions = Int32Array.from({ length: rows }, (_, i) => i % V);
  const { tokens } = tokenStatsSync({ logits: tensorOf(data, [1, rows, V]), actions });
  for (const row of [0, 65_535, 65_536, rows - 1]) {
    const logProbs = logSoftmax(Float64Array.from(data.subarray(row * V, row * V + V)), 1);
    const expected = logProbs[actions[row] as number] as number;
    expect(Math.abs((tokens.logProbs[row] as number) - expected)).toBeLessThanOrEqual(
      besideOneAllowance(expected),
    );
  }
});

// https://github.com/Dao-AILab/flash-attention/issues/714
test.runIf(process.env.LPREG_TEST_FULL)('lesson 6: rows more than 2^31 elements apart are found', () => {
  const [V, stride] = [5, 2 ** 31 + 11];
  const data = new Uint16Array(stride + V);
  const values = [0, 0x3f80, 0x4000, 0xbf80, 0x3f00];
  for (const start of [0, stride]) data.set(values, start);
  const logits: Tensor = { data, dtype: 'bfloat16', shape: [1, 2, V], strides: [stride, stride, 1] };
  const stats = tokenStatsSync({ logits, actions: Int32Array.of(1, 1) });
  expect(stats.tokens.logProbs[0]).toBe(stats.tokens.logProbs[1]);
  expect(stats.tokens.logProbs[0]).toBeLessThan(0);
  stats.backwardSync({ dLogProbs: Float32Array.of(1, 1), into: logits });
  expect(data.subarray(0, V)).toEqual(data.subarray(stride, stride + V));
  expect(Array.from(data.subarray(0, V))).not.toEqual(values);
});
