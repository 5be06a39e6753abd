import { describe, expect, test } from 'vitest';
import { PolicyLoss, type Tensor, tokenStatsSync } from '../lib/index.js';
import { thrownBy } from './support/errors.js';
import { smallBatch, waves } from './support/small-batch.js';

const grpo = new PolicyLoss({ objective: 'grpo' });
const DATA = waves(30);

describe('a tensor that is described wrongly is refused, and named', () => {
  test.each<[string, unknown, string]>([
    ['no tensor', undefined, 'ERR_MISSING'],
    ['null', null, 'ERR_TYPE'],
    ['a bare array', DATA, 'ERR_TYPE'],
    ['no data', { dtype: 'float32', shape: [2, 3, 5] }, 'ERR_TYPE'],
    ['data that is an array of numbers', { data: [...DATA], dtype: 'float32', shape: [2, 3, 5] }, 'ERR_TYPE'],
    ['data that is an ArrayBuffer', { data: DATA.buffer, dtype: 'float32', shape: [2, 3, 5] }, 'ERR_TYPE'],
    [
      'data that is a DataView',
      { data: new DataView(DATA.buffer), dtype: 'float32', shape: [2, 3, 5] },
      'ERR_TYPE',
    ],
    ['no dtype', { data: DATA, shape: [2, 3, 5] }, 'ERR_DTYPE'],
    ['an unknown dtype', { data: DATA, dtype: 'float64', shape: [2, 3, 5] }, 'ERR_DTYPE'],
    ['float32 bits', { data: new Uint32Array(30), dtype: 'float32', shape: [2, 3, 5] }, 'ERR_DTYPE'],
    ['float64 data', { data: new Float64Array(30), dtype: 'float32', shape: [2, 3, 5] }, 'ERR_DTYPE'],
    ['float32 data called float16', { data: DATA, dtype: 'float16', shape: [2, 3, 5] }, 'ERR_DTYPE'],
    ['float32 data called bfloat16', { data: DATA, dtype: 'bfloat16', shape: [2, 3, 5] }, 'ERR_DTYPE'],
    ['signed 16-bit data', { data: new Int16Array(30), dtype: 'bfloat16', shape: [2, 3, 5] }, 'ERR_DTYPE'],
    ['no shape', { data: DATA, dtype: 'float32' }, 'ERR_TYPE'],
    ['one dimension', { data: DATA, dtype: 'float32', shape: [30] }, 'ERR_SHAPE'],
    ['four dimensions', { data: DATA, dtype: 'float32', shape: [1, 2, 3, 5] }, 'ERR_SHAPE'],
    ['a negative size', { data: DATA, dtype: 'float32', shape: [2, -3, -5] }, 'ERR_SHAPE'],
    ['a fractional size', { data: DATA, dtype: 'float32', shape: [2.5, 3, 4] }, 'ERR_SHAPE'],
    ['a size that is text', { data: DATA, dtype: 'float32', shape: ['2', 3, 5] }, 'ERR_SHAPE'],
    [
      'more elements than a number counts',
      { data: DATA, dtype: 'float32', shape: [2 ** 30, 2 ** 30, 5] },
      'ERR_SHAPE',
    ],
    [
      'more sequences without tokens than 31 bits count',
      { data: waves(0), dtype: 'float32', shape: [2 ** 31, 0, 5] },
      'ERR_SHAPE',
    ],
    ['data that is too short', { data: waves(29), dtype: 'float32', shape: [2, 3, 5] }, 'ERR_SHAPE'],
    ['data that is too long', { data: waves(31), dtype: 'float32', shape: [2, 3, 5] }, 'ERR_SHAPE'],
    ['an empty vocabulary', { data: waves(0), dtype: 'float32', shape: [2, 3, 0] }, 'ERR_SHAPE'],
    [
      'strides of another rank',
      { data: DATA, dtype: 'float32', shape: [2, 3, 5], strides: [5, 1] },
      'ERR_STRIDE',
    ],
    [
      'strides that are text',
      { data: DATA, dtype: 'float32', shape: [2, 3, 5], strides: '15,5,1' },
      'ERR_TYPE',
    ],
    [
      'a fractional stride',
      { data: DATA, dtype: 'float32', shape: [2, 3, 5], strides: [15, 5.5, 1] },
      'ERR_STRIDE',
    ],
    [
      'a strided vocabulary',
      { data: waves(60), dtype: 'float32', shape: [2, 3, 5], strides: [30, 10, 2] },
      'ERR_STRIDE',
    ],
    [
      'rows that overlap',
      { data: DATA, dtype: 'float32', shape: [2, 3, 5], strides: [15, 4, 1] },
      'ERR_STRIDE',
    ],
    [
      'one row for all',
      { data: DATA, dtype: 'float32', shape: [2, 3, 5], strides: [15, 0, 1] },
      'ERR_STRIDE',
    ],
    [
      'sequences that overlap',
      { data: DATA, dtype: 'float32', shape: [2, 3, 5], strides: [14, 5, 1] },
      'ERR_STRIDE',
    ],
    [
      'one sequence for all',
      { data: DATA, dtype: 'float32', shape: [2, 3, 5], strides: [0, 5, 1] },
      'ERR_STRIDE',
    ],
    [
      'rows in reverse',
      { data: DATA, dtype: 'float32', shape: [2, 3, 5], strides: [15, -5, 1] },
      'ERR_STRIDE',
    ],
    [
      'strides that reach too far',
      { data: DATA, dtype: 'float32', shape: [2, 3, 5], strides: [16, 5, 1] },
      'ERR_SHAPE',
    ],
    [
      'strides beyond memory',
      { data: DATA, dtype: 'float32', shape: [2, 3, 5], strides: [2 ** 52, 2 ** 52, 1] },
      'ERR_SHAPE',
    ],
  ])('%s', (_, logits, code) => {
    const error = thrownBy(() => grpo.forwardSync({ ...smallBatch(), logits: logits as Tensor }));
    expect(error).toMatchObject({ code, argument: 'logits', status: 'untouched' });
    expect(error.message).toContain('logits');
  });
});

test.each([
  [
    'oldLogits',
    () =>
      new PolicyLoss({ objective: 'lp-reg', proxy: 'old' }).forwardSync({
        ...smallBatch(),
        oldLogits: smallBatch(3, 2).logits,
      }),
  ],
  ['into', () => grpo.forwardSync(smallBatch()).backwardSync({ into: smallBatch(3, 2).logits })],
])('%s of another shape than the logits is refused', (argument, call) => {
  expect(thrownBy(call)).toMatchObject({ code: 'ERR_SHAPE', argument });
});

test('a stride along a dimension of one element may be anything', () => {
  const { logits, actions, ...rest } = smallBatch(1, 1, 5);
  const odd: Tensor = { ...logits, strides: [0, -7, 1] };
  const dense = grpo.forwardSync({ logits, actions, ...rest });
  expect(grpo.forwardSync({ logits: odd, actions, ...rest }).loss).toBe(dense.loss);
});

test.each([
  [0, 3],
  [2, 0],
])('a batch [%i, %i] without tokens has loss 0', (B, T) => {
  const batch = smallBatch(B, T);
  const { loss, metrics, gradLogits } = grpo.forwardBackwardSync(batch);
  expect(loss).toBe(0);
  expect(metrics.validCount).toBe(0);
  expect(gradLogits.data).toHaveLength(0);
});

test('a dtype in a variable of type string compiles, and is checked when used', () => {
  const { data, shape } = smallBatch().logits;
  const logits = { data, dtype: 'float33', shape };
  expect(thrownBy(() => tokenStatsSync({ logits }))).toMatchObject({ code: 'ERR_DTYPE', argument: 'logits' });
});

test('a typed array of another realm is as good as one of this', async () => {
  const { runInNewContext } = await import('node:vm');
  const batch = smallBatch();
  const data = runInNewContext('Float32Array.from(values)', {
    values: [...batch.logits.data],
  }) as Float32Array;
  expect(data).not.toBeInstanceOf(Float32Array);
  const foreign = { ...batch, logits: { ...batch.logits, data } };
  expect(grpo.forwardSync(foreign).loss).toBe(grpo.forwardSync(batch).loss);
});

test('a length that a subclass makes up is not believed', () => {
  class Long extends Float32Array {
    override get length(): number {
      return 30;
    }
  }
  const batch = smallBatch();
  const logits = { ...batch.logits, data: new Long(4) };
  expect(thrownBy(() => grpo.forwardSync({ ...batch, logits }))).toMatchObject({
    code: 'ERR_SHAPE',
    argument: 'logits',
  });
});

test('a gradient of an unknown dtype is refused', () => {
  const result = grpo.forwardSync(smallBatch());
  const options = { dtype: 'float64' } as object;
  expect(thrownBy(() => result.backwardSync(options))).toMatchObject({
    code: 'ERR_DTYPE',
    argument: 'dtype',
  });
});
