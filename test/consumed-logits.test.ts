/**
 * An in-place gradient overwrites the logits: whatever still needs them must say so, not give a wrong
 * gradient.
 */
import { expect, test } from 'vitest';
import { PolicyLoss, tokenStats } from '../lib/index.js';
import { rejectionOf, thrownBy } from './support/errors.js';
import { smallBatch } from './support/small-batch.js';

const grpo = new PolicyLoss({ objective: 'grpo' });
const CONSUMED = { code: 'ERR_CONSUMED', argument: 'logits' };

test('out of place, backward can be taken twice and gives the same', async () => {
  const result = await grpo.forward(smallBatch());
  const first = await result.backward();
  expect(await result.backward()).toStrictEqual(first);
  expect(result.backwardSync()).toStrictEqual(first);
});

test('gradOutput multiplies the gradient', async () => {
  const result = await grpo.forward(smallBatch());
  const [once, twice] = [result.backwardSync(), result.backwardSync({ gradOutput: 2 })];
  expect(twice.data).toStrictEqual((once.data as Float32Array).map((value) => 2 * value));
});

test('in place, the gradient is the logits tensor itself', async () => {
  const batch = smallBatch();
  const result = await grpo.forward(batch);
  const expected = await result.backward();
  const gradLogits = await result.backward({ into: batch.logits });
  expect(gradLogits).toBe(batch.logits);
  expect(gradLogits.data).toStrictEqual(expected.data);
});

test('after an in-place backward the result is consumed', async () => {
  const batch = smallBatch();
  const result = await grpo.forward(batch);
  await result.backward({ into: batch.logits });
  expect(thrownBy(() => result.backwardSync())).toMatchObject(CONSUMED);
  expect(await rejectionOf(result.backward())).toMatchObject(CONSUMED);
});

test('another result over the same logits is consumed too', async () => {
  const batch = smallBatch();
  const [first, second] = [await grpo.forward(batch), await grpo.forward(batch)];
  const stats = await tokenStats({ logits: batch.logits, actions: batch.actions });
  first.backwardSync({ into: batch.logits });
  expect(thrownBy(() => second.backwardSync())).toMatchObject(CONSUMED);
  expect(thrownBy(() => stats.backwardSync({ dLogProbs: new Float32Array(6) }))).toMatchObject(CONSUMED);
});

test('forwardBackward in place consumes earlier results', () => {
  const batch = smallBatch();
  const result = grpo.forwardSync(batch);
  grpo.forwardBackwardSync(batch, { into: batch.logits });
  expect(thrownBy(() => result.backwardSync())).toMatchObject(CONSUMED);
});

test('tokenStats in place consumes its own logits', async () => {
  const { logits, actions } = smallBatch();
  const stats = await tokenStats({ logits, actions });
  const dLogProbs = new Float32Array(6).fill(1);
  const expected = stats.backwardSync({ dLogProbs });
  await stats.backward({ dLogProbs, into: logits });
  expect(logits.data).toStrictEqual(expected.data);
  expect(thrownBy(() => stats.backwardSync({ dLogProbs }))).toMatchObject(CONSUMED);
});

test('a new forward pass over the refilled buffer is fresh', () => {
  const batch = smallBatch();
  const values = batch.logits.data.slice();
  const { data } = grpo.forwardSync(batch).backwardSync();
  grpo.forwardBackwardSync(batch, { into: batch.logits });
  batch.logits.data.set(values);
  expect(grpo.forwardSync(batch).backwardSync().data).toStrictEqual(data);
});

test('a neighbour in the same buffer is not consumed', () => {
  const both = new Float32Array(60);
  const [left, right] = [both.subarray(0, 30), both.subarray(30)];
  const batchOf = (data: Float32Array) => {
    const batch = smallBatch();
    data.set(batch.logits.data);
    return { ...batch, logits: { ...batch.logits, data } };
  };
  const [first, second] = [batchOf(left), batchOf(right)];
  const result = grpo.forwardSync(second);
  grpo.forwardBackwardSync(first, { into: first.logits });
  expect(result.backwardSync().data).toHaveLength(30);
});

test('while an in-place backward is under way, another one is refused', async () => {
  const batch = smallBatch();
  const result = await grpo.forward(batch);
  const first = result.backward({ into: batch.logits });
  expect(await rejectionOf(result.backward())).toMatchObject(CONSUMED);
  await first;
});

test('an in-place backward that fails before it writes leaves the result usable', async () => {
  const batch = smallBatch();
  const result = await grpo.forward(batch);
  const error = await rejectionOf(result.backward({ into: batch.logits, gradOutput: NaN }));
  expect(error).toMatchObject({ code: 'ERR_NON_FINITE_INPUT', argument: 'gradOutput', status: 'untouched' });
  expect(result.backwardSync().data).toHaveLength(30);
});

test('in place, a row that is not finite is found too late for the rows before it, and the error says so', () => {
  const batch = smallBatch(1, 3, 5);
  batch.logits.data[14] = NaN;
  const earlier = grpo.forwardSync({ ...batch, mask: Uint8Array.of(1, 1, 0) });
  const call = () => grpo.forwardBackwardSync(batch, { into: batch.logits });
  expect(thrownBy(call)).toMatchObject({ code: 'ERR_NON_FINITE_LOGITS', index: 2, status: 'consumed' });
  expect(thrownBy(() => earlier.backwardSync())).toMatchObject(CONSUMED);
});

test('with checkFirst the same error leaves the logits as they were', () => {
  const batch = smallBatch(1, 3, 5);
  batch.logits.data[14] = NaN;
  const before = batch.logits.data.slice();
  const careful = new PolicyLoss({ objective: 'grpo', checkFirst: true });
  const call = () => careful.forwardBackwardSync(batch, { into: batch.logits });
  expect(thrownBy(call)).toMatchObject({ code: 'ERR_NON_FINITE_LOGITS', index: 2, status: 'untouched' });
  expect(batch.logits.data).toStrictEqual(before);
});

test('an asynchronous call works on a copy, so that its error leaves the logits as they were', async () => {
  const batch = smallBatch(1, 3, 5);
  batch.logits.data[14] = NaN;
  const before = batch.logits.data.slice();
  const error = await rejectionOf(grpo.forwardBackward(batch, { into: batch.logits }));
  expect(error).toMatchObject({ code: 'ERR_NON_FINITE_LOGITS', index: 2, status: 'untouched' });
  expect(batch.logits.data).toStrictEqual(before);
});
