import events from 'node:events';
import { describe, expect, test } from 'vitest';
import { PolicyLoss, type Progress, proxySnapshot, tokenStats } from '../lib/index.js';
import { rejectionOf } from './support/errors.js';
import { catchUnderWay, slowBatch, slowLoss } from './support/slow-call.js';
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

/** Whether the call was aborted before it ended, with the error that says so. */
async function wasAborted(call: Promise<unknown>, expected: object): Promise<boolean> {
  const outcome = await call.catch((error: unknown) => error);
  if (!(outcome instanceof Error)) return false;
  expect(outcome).toMatchObject({ code: 'ERR_ABORTED', ...expected });
  return true;
}

test('a running call ends soon after it is aborted', () =>
  catchUnderWay(async (rows) => {
    const controller = new AbortController();
    const { signal } = controller;
    const reached: number[] = [];
    const onProgress = ({ rowsDone }: Progress) => {
      if (rowsDone === 0) return;
      reached.push(rowsDone);
      controller.abort();
    };
    const call = slowLoss.forward(slowBatch(rows), { signal, onProgress });
    if (!(await wasAborted(call, { status: 'untouched' }))) return false;
    await expect(call).rejects.toMatchObject({ cause: signal.reason });
    expect(reached[0]).toBeLessThan(rows);
    return true;
  }));

test('a queued call ends at once, while the one before it goes on', () =>
  catchUnderWay(async (rows) => {
    const controller = new AbortController();
    let firstHasEnded = false;
    const first = slowLoss.forward(slowBatch(rows)).then((result) => {
      firstHasEnded = true;
      return result;
    });
    const second = grpo.forward(smallBatch(), { signal: controller.signal });
    const third = grpo.forward(smallBatch());
    controller.abort();
    expect(await wasAborted(second, { status: 'untouched' })).toBe(true);
    const wasWaiting = !firstHasEnded;
    expect((await first).loss).toBeTypeOf('number');
    expect((await third).loss).toBe(grpo.forwardSync(smallBatch()).loss);
    return wasWaiting;
  }));

test('an aborted in-place call leaves logits that were copied as they were', () =>
  catchUnderWay(async (rows) => {
    const batch = slowBatch(rows, ArrayBuffer);
    const controller = new AbortController();
    const options = { into: batch.logits, signal: controller.signal, onProgress: () => controller.abort() };
    const call = slowLoss.forwardBackward(batch, options);
    if (!(await wasAborted(call, { status: 'untouched' }))) return false;
    expect(batch.logits.data.findIndex((value) => value !== 0)).toBe(-1);
    return true;
  }));

test('an in-place call over shared logits that is aborted half-way says that they are consumed', () =>
  catchUnderWay(async (rows) => {
    const batch = slowBatch(rows);
    const { data } = batch.logits;
    const earlier = slowLoss.forwardSync(batch);
    const controller = new AbortController();
    const call = slowLoss.forwardBackward(batch, { into: batch.logits, signal: controller.signal });
    while (data[0] === 0) await pause(1);
    controller.abort();
    if (!(await wasAborted(call, { status: 'consumed' }))) return false;
    expect(data.at(-1)).toBe(0);
    expect(await rejectionOf(earlier.backward())).toMatchObject({ code: 'ERR_CONSUMED' });
    return true;
  }));

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
