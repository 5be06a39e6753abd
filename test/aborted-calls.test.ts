import events from 'node:events';
import { describe, expect, test } from 'vitest';
import { PolicyLoss, type Progress, proxySnapshot, tokenStats } from '../lib/index.js';
import { rejectionOf } from './support/errors.js';
import { slowBatch, slowLoss } from './support/slow-call.js';
import { smallBatch } from './support/small-batch.js';

const grpo = new PolicyLoss({ objective: 'grpo' });
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe('a call with a signal that is already aborted does not begin', () => {
  const reason = new Error('no longer wanted');
  const signal = AbortSignal.abort(reason);
  const batch = smallBatch();
  const { logits, actions } = batch;
  const filter = { kind: 'min-p', kappa: 0.1 } as const;

  test.each<[string, () => Promise<unknown>]>([
    ['forward', () => grpo.forward(batch, { signal })],
    ['forwardBackward', () => grpo.forwardBackward(batch, { signal, into: logits })],
    ['backward', () => grpo.forwardSync(batch).backward({ signal })],
    ['objective', () => grpo.objective({ ...scalars(), shape: [2, 3] }, { signal })],
    ['tokenStats', () => tokenStats({ logits, actions }, { signal })],
    ['proxySnapshot', () => proxySnapshot(logits, { filter, signal })],
  ])('%s', async (_, call) => {
    const error = await rejectionOf(call());
    expect(error).toMatchObject({ code: 'ERR_ABORTED', status: 'untouched', cause: reason });
  });

  function scalars() {
    const { logits: _logits, actions: _actions, ...rest } = batch;
    return { ...rest, tokens: { logProbs: batch.oldLogProbs } };
  }
});

test('a running call ends soon after it is aborted', async () => {
  const controller = new AbortController();
  const reached: number[] = [];
  const onProgress = ({ rowsDone }: Progress) => {
    reached.push(rowsDone);
    controller.abort();
  };
  const batch = slowBatch();
  const error = await rejectionOf(slowLoss.forward(batch, { signal: controller.signal, onProgress }));
  expect(error).toMatchObject({ code: 'ERR_ABORTED', status: 'untouched' });
  expect(error.cause).toBe(controller.signal.reason);
  expect(reached[0]).toBeGreaterThan(0);
  expect(reached[0]).toBeLessThan(batch.actions.length);
});

test('a queued call ends at once, while the one before it goes on', async () => {
  const controller = new AbortController();
  let firstHasEnded = false;
  const first = slowLoss.forward(slowBatch()).then((result) => {
    firstHasEnded = true;
    return result;
  });
  const second = grpo.forward(smallBatch(), { signal: controller.signal });
  const third = grpo.forward(smallBatch());
  controller.abort();
  expect(await rejectionOf(second)).toMatchObject({ code: 'ERR_ABORTED', status: 'untouched' });
  expect(firstHasEnded).toBe(false);
  expect((await first).loss).toBeTypeOf('number');
  expect((await third).loss).toBe(grpo.forwardSync(smallBatch()).loss);
});

test('an aborted in-place call leaves logits that were copied as they were', async () => {
  const batch = slowBatch(256, ArrayBuffer);
  const controller = new AbortController();
  const options = { into: batch.logits, signal: controller.signal, onProgress: () => controller.abort() };
  const error = await rejectionOf(slowLoss.forwardBackward(batch, options));
  expect(error).toMatchObject({ code: 'ERR_ABORTED', status: 'untouched' });
  expect(batch.logits.data.every((value) => value === 0)).toBe(true);
});

test('an in-place call over shared logits that is aborted half-way says that they are consumed', async () => {
  const batch = slowBatch(256);
  const { data } = batch.logits;
  const earlier = slowLoss.forwardSync(batch);
  const controller = new AbortController();
  const promise = slowLoss.forwardBackward(batch, { into: batch.logits, signal: controller.signal });
  while (data[0] === 0) await pause(1);
  controller.abort();
  expect(await rejectionOf(promise)).toMatchObject({ code: 'ERR_ABORTED', status: 'consumed' });
  expect(data.at(-1)).toBe(0);
  expect(await rejectionOf(earlier.backward())).toMatchObject({ code: 'ERR_CONSUMED' });
});

test('a signal that is aborted after the call has ended changes nothing', async () => {
  const controller = new AbortController();
  const result = await grpo.forward(smallBatch(), { signal: controller.signal });
  controller.abort();
  expect(result.loss).toBeTypeOf('number');
});

test('a call that has ended has let go of its signal', async () => {
  const { signal } = new AbortController();
  await grpo.forward(smallBatch(), { signal });
  await rejectionOf(grpo.forward({ ...smallBatch(), mask: new Uint8Array(1) }, { signal }));
  expect(events.getEventListeners(signal, 'abort')).toHaveLength(0);
});

test.each(['stop', null, {}, new EventTarget()])('a signal that is %o is refused', async (signal) => {
  const call = grpo.forward(smallBatch(), { signal: signal as unknown as AbortSignal });
  expect(await rejectionOf(call)).toMatchObject({ code: 'ERR_TYPE', argument: 'signal' });
});
