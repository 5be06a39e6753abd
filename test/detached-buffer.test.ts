/** `postMessage` and `structuredClone` take a buffer away, also while a call is under way. */
import { expect, test } from 'vitest';
import { PolicyLoss, type Tensor, tokenStats } from '../lib/index.js';
import { rejectionOf, thrownBy } from './support/errors.js';
import { smallBatch, waves } from './support/small-batch.js';

const grpo = new PolicyLoss({ objective: 'grpo' });

function detach(view: ArrayBufferView): void {
  structuredClone(view.buffer, { transfer: [view.buffer as ArrayBuffer] });
}

function bytesOf({ data }: Tensor): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

test.each(['logits', 'actions', 'oldLogProbs', 'advantages', 'mask'] as const)(
  'detached %s are refused, and named',
  async (input) => {
    const batch = smallBatch();
    detach(input === 'logits' ? batch.logits.data : (batch[input] as Float32Array));
    const detached = { code: 'ERR_DETACHED', argument: input, status: 'untouched' };
    expect(thrownBy(() => grpo.forwardSync(batch))).toMatchObject(detached);
    expect(await rejectionOf(grpo.forward(batch))).toMatchObject(detached);
  },
);

test('a detached gradient tensor is refused', () => {
  const into = smallBatch().logits;
  detach(into.data);
  const call = () => grpo.forwardBackwardSync(smallBatch(), { into });
  expect(thrownBy(call)).toMatchObject({ code: 'ERR_DETACHED', argument: 'into' });
});

test('logits that are detached after the forward pass have no backward pass', async () => {
  const batch = smallBatch();
  const result = await grpo.forward(batch);
  detach(batch.logits.data);
  expect(thrownBy(() => result.backwardSync())).toMatchObject({ code: 'ERR_DETACHED', argument: 'logits' });
});

test('inputs that are detached during a call do not disturb it', async () => {
  const batch = smallBatch(4, 64, 2000);
  const expected = grpo.forwardBackwardSync(batch);
  const promise = grpo.forwardBackward(batch);
  for (const view of [batch.logits.data, batch.actions, batch.oldLogProbs, batch.advantages, batch.mask]) {
    detach(view as Float32Array);
  }
  const { loss, gradLogits } = await promise;
  expect(loss).toBe(expected.loss);
  expect(Buffer.compare(bytesOf(gradLogits), bytesOf(expected.gradLogits))).toBe(0);
});

test('inputs that are overwritten during a call do not disturb it', async () => {
  const batch = smallBatch(4, 64, 2000);
  const expected = grpo.forwardSync(batch);
  const promise = grpo.forward(batch);
  batch.logits.data.fill(NaN);
  (batch.actions as Int32Array).fill(-1);
  expect((await promise).loss).toBe(expected.loss);
});

test('logits that are detached during an in-place backward pass cannot take the gradient', async () => {
  const batch = smallBatch(4, 64, 2000);
  const result = await grpo.forward(batch);
  const promise = result.backward({ into: batch.logits });
  detach(batch.logits.data);
  expect(await rejectionOf(promise)).toMatchObject({ code: 'ERR_DETACHED', argument: 'into' });
});

test('another tensor that is detached meanwhile cannot take the gradient either', async () => {
  const { logits, actions } = smallBatch();
  const stats = await tokenStats({ logits, actions });
  const into = smallBatch().logits;
  const promise = stats.backward({ dLogProbs: waves(6), into });
  detach(into.data);
  expect(await rejectionOf(promise)).toMatchObject({ code: 'ERR_DETACHED', argument: 'into' });
});

test('actions that are changed behind a result are checked again', () => {
  const batch = smallBatch();
  const result = grpo.forwardSync(batch);
  (batch.actions as Int32Array)[4] = 1 << 30;
  expect(thrownBy(() => result.backwardSync())).toMatchObject({
    code: 'ERR_ACTION_RANGE',
    argument: 'actions',
    index: 4,
  });
});

test('a resizable buffer that has shrunk is refused', () => {
  const batch = smallBatch();
  const Resizable = ArrayBuffer as unknown as new (
    length: number,
    options: { maxByteLength: number },
  ) => ArrayBuffer & { resize(length: number): void };
  const buffer = new Resizable(120, { maxByteLength: 120 });
  const data = new Float32Array(buffer);
  data.set(batch.logits.data);
  const resized = { ...batch, logits: { ...batch.logits, data } };
  expect(grpo.forwardSync(resized).loss).toBe(grpo.forwardSync(batch).loss);
  buffer.resize(40);
  expect(thrownBy(() => grpo.forwardSync(resized))).toMatchObject({ code: 'ERR_SHAPE', argument: 'logits' });
});
