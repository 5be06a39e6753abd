import { describe, expect, test } from 'vitest';
import { PolicyLoss, type Tensor } from '../lib/index.js';
import { smallBatch } from './support/small-batch.js';

const [B, T, V] = [2, 3, 5];
const GAP = -12345;

/** The logits of a batch in a larger array, with gaps that hold a value no gradient has. */
function spread(
  dense: Float32Array,
  rowStride: number,
  sequenceStride: number,
): Tensor & { data: Float32Array } {
  const data = new Float32Array(B * sequenceStride).fill(GAP);
  for (let b = 0; b < B; b++) {
    for (let t = 0; t < T; t++) {
      const row = dense.subarray((b * T + t) * V, (b * T + t + 1) * V);
      data.set(row, b * sequenceStride + t * rowStride);
    }
  }
  return { data, dtype: 'float32', shape: [B, T, V], strides: [sequenceStride, rowStride, 1] };
}

const LAYOUTS: [string, number, number][] = [
  ['the first T positions of [B, T + 1, V]', V, (T + 1) * V],
  ['a padded vocabulary', V + 3, T * (V + 3)],
  ['both', V + 3, (T + 1) * (V + 3)],
];

describe.each(LAYOUTS)('%s', (_, rowStride, sequenceStride) => {
  const policyLoss = new PolicyLoss({ objective: 'lp-reg', rho: 0.5, entropyCoef: 0.1 });
  const dense = smallBatch(B, T, V);
  const expected = policyLoss.forwardBackwardSync(dense);
  const expectedData = spread(expected.gradLogits.data as Float32Array, rowStride, sequenceStride).data;
  const strided = () => ({ ...dense, logits: spread(dense.logits.data, rowStride, sequenceStride) });

  test('has the loss and gradient of dense logits', () => {
    const { loss, gradLogits } = policyLoss.forwardBackwardSync(strided());
    expect(loss).toBe(expected.loss);
    expect(gradLogits).toStrictEqual(expected.gradLogits);
  });

  test('is overwritten in place without touching the gaps', () => {
    const batch = strided();
    policyLoss.forwardBackwardSync(batch, { into: batch.logits });
    expect(batch.logits.data).toStrictEqual(expectedData);
  });

  test('is overwritten in place by an asynchronous call, which works on a copy', async () => {
    const batch = strided();
    const result = await policyLoss.forward(batch);
    await result.backward({ into: batch.logits });
    expect(batch.logits.data).toStrictEqual(expectedData);
  });

  test('is where a gradient of dense logits can go', async () => {
    const into = spread(new Float32Array(B * T * V), rowStride, sequenceStride);
    await policyLoss.forwardBackward(dense, { into });
    expect(into.data).toStrictEqual(expectedData);
  });
});

test('packed rows have a row stride too', () => {
  const policyLoss = new PolicyLoss({ objective: 'grpo' });
  const { logits, ...rest } = smallBatch(B, T, V);
  const { data } = spread(logits.data, V + 3, T * (V + 3));
  const cuSeqLens = Int32Array.of(0, T, 2 * T);
  const packed: Tensor = { data, dtype: 'float32', shape: [B * T, V], strides: [V + 3, 1] };
  const padded = policyLoss.forwardSync({ logits, ...rest });
  expect(policyLoss.forwardSync({ logits: packed, ...rest, cuSeqLens }).loss).toBe(padded.loss);
});
