import { describe, expect, test } from 'vitest';
import { PolicyLoss, type Tensor } from '../lib/index.js';
import { encodeHalf } from './support/half.js';
import { smallBatch } from './support/small-batch.js';

const Float16Array = Reflect.get(globalThis, 'Float16Array') as
  | (new (
      buffer: ArrayBufferLike,
    ) => Tensor['data'])
  | undefined;

// Node 24 and newer have it; the older ones hold float16 as bits.
describe.skipIf(Float16Array === undefined)('where the engine has Float16Array', () => {
  const policyLoss = new PolicyLoss({ objective: 'grpo' });
  const batch = smallBatch();
  const bits = encodeHalf(batch.logits.data, 'f16');
  const asBits: Tensor = { data: bits, dtype: 'float16', shape: [2, 3, 5] };
  const typed = (): Tensor => ({
    ...asBits,
    data: new (Float16Array as NonNullable<typeof Float16Array>)(bits.slice().buffer),
  });
  const expected = policyLoss.forwardBackwardSync({ ...batch, logits: asBits });

  test('it gives what the same bits give, and a gradient of its own kind', () => {
    const { loss, gradLogits } = policyLoss.forwardBackwardSync({ ...batch, logits: typed() });
    expect(loss).toBe(expected.loss);
    expect(Object.prototype.toString.call(gradLogits.data)).toBe('[object Float16Array]');
    expect(new Uint16Array(gradLogits.data.buffer)).toStrictEqual(expected.gradLogits.data);
  });

  test('it takes a gradient in place', async () => {
    const logits = typed();
    await policyLoss.forwardBackward({ ...batch, logits }, { into: logits });
    expect(new Uint16Array(logits.data.buffer)).toStrictEqual(expected.gradLogits.data);
  });

  test('its elements are not bfloat16', () => {
    const logits = { ...typed(), dtype: 'bfloat16' };
    expect(() => policyLoss.forwardSync({ ...batch, logits })).toThrow(
      expect.objectContaining({ code: 'ERR_DTYPE' }),
    );
  });
});

test('float16 bits give a gradient of bits', () => {
  const { logits, ...rest } = smallBatch();
  const bits: Tensor = { data: encodeHalf(logits.data, 'f16'), dtype: 'float16', shape: logits.shape };
  const { gradLogits } = new PolicyLoss({ objective: 'grpo' }).forwardBackwardSync({ logits: bits, ...rest });
  expect(gradLogits.dtype).toBe('float16');
  expect(gradLogits.data).toBeInstanceOf(Uint16Array);
});
