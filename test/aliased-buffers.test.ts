/** A gradient over memory that the call still reads would be wrong without a sign. */
import { describe, expect, test } from 'vitest';
import { PolicyLoss, type PolicyLossBatch, type Tensor } from '../lib/index.js';
import { rejectionOf, thrownBy } from './support/errors.js';
import { smallBatch } from './support/small-batch.js';

const grpo = new PolicyLoss({ objective: 'grpo' });
const SIZE = 30;

/** A tensor at an offset into a buffer. */
function at(buffer: ArrayBufferLike, offset: number, strides?: number[]): Tensor {
  const length = strides === undefined ? SIZE : undefined;
  return { data: new Float32Array(buffer, 4 * offset, length), dtype: 'float32', shape: [2, 3, 5], strides };
}

function batchAt(buffer: ArrayBufferLike): PolicyLossBatch {
  const batch = smallBatch();
  const logits = at(buffer, 0);
  (logits.data as Float32Array).set(batch.logits.data);
  return { ...batch, logits };
}

describe.each([ArrayBuffer, SharedArrayBuffer])('in one %o', (Buffer) => {
  const CASES: [string, (buffer: ArrayBufferLike) => Tensor][] = [
    ['one element further', (buffer) => at(buffer, 1)],
    ['overlapping at the end', (buffer) => at(buffer, SIZE - 1)],
    ['with other strides', (buffer) => at(buffer, 0, [20, 6, 1])],
    [
      'of another dtype',
      (buffer) => ({ data: new Uint16Array(buffer, 0, SIZE), dtype: 'float16', shape: [2, 3, 5] }),
    ],
  ];

  test.each(CASES)('a gradient that overlaps the logits is refused: %s', async (_, intoOf) => {
    const buffer = new Buffer(4 * 200);
    const batch = batchAt(buffer);
    const before = Float32Array.from(batch.logits.data as Float32Array);
    const into = intoOf(buffer);
    const alias = { code: 'ERR_ALIAS', argument: 'into', status: 'untouched' };
    expect(thrownBy(() => grpo.forwardBackwardSync(batch, { into }))).toMatchObject(alias);
    expect(thrownBy(() => grpo.forwardSync(batch).backwardSync({ into }))).toMatchObject(alias);
    expect(await rejectionOf(grpo.forwardBackward(batch, { into }))).toMatchObject(alias);
    expect(Float32Array.from(batch.logits.data as Float32Array)).toStrictEqual(before);
  });

  test('a gradient right behind the logits is fine', async () => {
    const buffer = new Buffer(4 * 200);
    const into = at(buffer, SIZE);
    const { gradLogits } = await grpo.forwardBackward(batchAt(buffer), { into });
    expect(gradLogits).toBe(into);
    expect(Float32Array.from(into.data as Float32Array)).toStrictEqual(
      grpo.forwardBackwardSync(smallBatch()).gradLogits.data,
    );
  });
});

test.each(['oldLogProbs', 'advantages', 'mask', 'actions'] as const)(
  'a gradient over %s is refused',
  (input) => {
    const batch = smallBatch();
    const into: Tensor = at(new ArrayBuffer(4 * SIZE), 0);
    const Type = batch[input]?.constructor as Float32ArrayConstructor;
    const aliased = { ...batch, [input]: new Type(into.data.buffer as ArrayBuffer, 0, 6) };
    const error = thrownBy(() => grpo.forwardBackwardSync(aliased, { into }));
    expect(error).toMatchObject({ code: 'ERR_ALIAS', argument: 'into' });
  },
);

test('a gradient over the old logits is refused', () => {
  const old = smallBatch().logits;
  const policyLoss = new PolicyLoss({ objective: 'lp-reg', proxy: 'old' });
  const call = () => policyLoss.forwardBackwardSync({ ...smallBatch(), oldLogits: old }, { into: old });
  expect(thrownBy(call)).toMatchObject({ code: 'ERR_ALIAS', argument: 'into' });
});

test('inputs may share memory with one another', () => {
  const batch = smallBatch();
  const shared = { ...batch, advantages: batch.oldLogProbs };
  expect(grpo.forwardSync(shared).loss).toBeTypeOf('number');
  const policyLoss = new PolicyLoss({ objective: 'lp-reg', proxy: 'old' });
  const same = { ...batch, oldLogits: batch.logits };
  const current = new PolicyLoss({ objective: 'lp-reg' }).forwardSync(batch);
  expect(policyLoss.forwardSync(same).loss).toBeCloseTo(current.loss, 6);
});

test('a dtype beside a tensor to write into is refused: the tensor has its own', () => {
  const result = grpo.forwardSync(smallBatch());
  const options = { into: smallBatch().logits, dtype: 'float32' as const };
  expect(thrownBy(() => result.backwardSync(options))).toMatchObject({
    code: 'ERR_OPTION_WITHOUT_EFFECT',
    argument: 'dtype',
  });
});
