/** A SharedArrayBuffer cannot be detached, so that asynchronous calls use it without a copy. */
import { expect, test } from 'vitest';
import { PolicyLoss, type PolicyLossBatch, tokenStats } from '../lib/index.js';
import { runScript } from './support/child.js';
import { slowBatch, slowLoss } from './support/slow-call.js';
import { type SmallBatch, smallBatch } from './support/small-batch.js';

const lpReg = new PolicyLoss({ objective: 'lp-reg', rho: 0.5 });

function share<T extends Float32Array | Int32Array | Uint8Array>(view: T): T {
  const shared = new SharedArrayBuffer(view.byteLength);
  new Uint8Array(shared).set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  return new (view.constructor as new (buffer: SharedArrayBuffer) => T)(shared);
}

type SharedBatch = PolicyLossBatch & Pick<SmallBatch, 'logits'>;

function sharedBatch(batch = smallBatch()): SharedBatch {
  return {
    logits: { ...batch.logits, data: share(batch.logits.data) },
    actions: share(batch.actions as Int32Array),
    oldLogProbs: share(batch.oldLogProbs),
    advantages: share(batch.advantages),
    mask: share(batch.mask as Uint8Array),
  };
}

test('a batch in shared memory gives what any batch gives', async () => {
  const expected = lpReg.forwardBackwardSync(smallBatch());
  const batch = sharedBatch();
  expect(lpReg.forwardBackwardSync(batch)).toStrictEqual(expected);
  expect(await lpReg.forwardBackward(batch)).toStrictEqual(expected);
});

test('a gradient is written into shared logits in place', async () => {
  const expected = lpReg.forwardBackwardSync(smallBatch()).gradLogits.data as Float32Array;
  const batch = sharedBatch();
  await lpReg.forwardBackward(batch, { into: batch.logits });
  expect(Float32Array.from(batch.logits.data as Float32Array)).toStrictEqual(expected);
});

test('shared logits are not copied: what another thread writes before they are read counts', async () => {
  const other = smallBatch(1, 1, 5);
  const expected = lpReg.forwardSync(other).tokens.logProbs[0];
  // The second job is queued behind the first, which leaves time to change its logits.
  const first = slowLoss.forward(slowBatch(64));
  const batch = sharedBatch(smallBatch(1, 1, 5));
  batch.logits.data.fill(0);
  const second = lpReg.forward(batch);
  batch.logits.data.set(other.logits.data);
  await first;
  expect((await second).tokens.logProbs[0]).toBe(expected);
});

test('per-token inputs are copied even then, since they are checked before they are used', async () => {
  const first = slowLoss.forward(slowBatch(64));
  const batch = sharedBatch();
  const second = lpReg.forward(batch);
  (batch.actions as Int32Array).fill(1 << 30);
  await first;
  expect((await second).loss).toBe(lpReg.forwardSync(smallBatch()).loss);
});

test('actions that another thread keeps changing never lead outside of a row', () => {
  const ended = runRace();
  expect(ended).toMatchObject({ status: 0, signal: null, stdout: 'survived\n' });
});

function runRace() {
  const writer = `
    const { workerData } = require('node:worker_threads');
    const actions = new Int32Array(workerData);
    while (true) for (let i = 0; i < actions.length; i++) actions[i] = actions[i] === 0 ? -1e9 : 0;
  `;
  return runScript(`
    const { Worker } = require('node:worker_threads');
    const racy = batch(4, 50, 64, SharedArrayBuffer);
    racy.actions = new Int32Array(new SharedArrayBuffer(4 * 200));
    const worker = new Worker(${JSON.stringify(writer)}, { eval: true, workerData: racy.actions.buffer });
    const policyLoss = new lpreg.PolicyLoss({ objective: 'grpo' });
    worker.on('online', () => {
      for (let i = 0; i < 400; i++) {
        try {
          policyLoss.forwardBackwardSync(racy);
        } catch (error) {
          if (error.code !== 'ERR_ACTION_RANGE') throw error;
        }
      }
      console.log('survived');
      process.exit(0);
    });
  `);
}

test('tokenStats takes shared logits', async () => {
  const { logits, actions } = smallBatch();
  const shared = { ...logits, data: share(logits.data) };
  const [a, b] = await Promise.all([
    tokenStats({ logits, actions }),
    tokenStats({ logits: shared, actions }),
  ]);
  expect(b.tokens).toStrictEqual(a.tokens);
});
