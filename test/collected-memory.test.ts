/** Memory lives as long as a job needs it, and no longer. */
import { describe, expect, test } from 'vitest';
import { PolicyLoss, type Tensor } from '../lib/index.js';
import { smallBatch } from './support/small-batch.js';

const collect = globalThis.gc as () => void;
const lpReg = new PolicyLoss({ objective: 'lp-reg', rho: 0.5 });

/** Lets finalizers run. */
async function collectAll(): Promise<void> {
  for (let i = 0; i < 4; i++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('a batch that nobody else holds survives until its job has ended', async () => {
  const expected = lpReg.forwardBackwardSync(smallBatch(4, 64, 500));
  const promises = Array.from({ length: 20 }, () => lpReg.forwardBackward(smallBatch(4, 64, 500)));
  collect();
  for (const { loss } of await Promise.all(promises)) expect(loss).toBe(expected.loss);
});

test('shared memory that nobody else holds survives too', async () => {
  const start = () => {
    const batch = smallBatch(4, 64, 500);
    const data = new Float32Array(new SharedArrayBuffer(batch.logits.data.byteLength));
    data.set(batch.logits.data);
    const logits: Tensor = { ...batch.logits, data };
    return lpReg.forwardBackward({ ...batch, logits }, { into: logits });
  };
  const promises = Array.from({ length: 20 }, start);
  collect();
  const expected = lpReg.forwardBackwardSync(smallBatch(4, 64, 500));
  for (const { loss } of await Promise.all(promises)) expect(loss).toBe(expected.loss);
});

test('a result keeps its batch alive', async () => {
  const result = await lpReg.forward(smallBatch());
  await collectAll();
  expect(result.backwardSync()).toStrictEqual(lpReg.forwardSync(smallBatch()).backwardSync());
});

describe('six megabytes of workspace per result', () => {
  // Masked rows cost memory, but no time.
  const batch = { ...smallBatch(64, 1024, 2), mask: new Uint8Array(64 * 1024) };
  const forward = () => lpReg.forwardSync(batch, { outputs: [] });
  const grownAfter = async (calls: () => unknown) => {
    await collectAll();
    const before = process.memoryUsage.rss();
    const held = calls();
    const grown = process.memoryUsage.rss() - before;
    return { held, megabytes: grown / 2 ** 20 };
  };

  test('are taken away in time, although a busy loop gives finalizers no turn', async () => {
    const { megabytes } = await grownAfter(() => {
      for (let i = 0; i < 150; i++) forward();
    });
    expect(megabytes).toBeLessThan(400);
  });

  test('are let go of when a result is disposed of, although it is still held', async () => {
    const { megabytes } = await grownAfter(() =>
      Array.from({ length: 150 }, () => {
        const result = forward();
        result.dispose();
        return result;
      }),
    );
    expect(megabytes).toBeLessThan(400);
  });
});

test('calls that fail leave nothing behind', async () => {
  const batch = { ...smallBatch(64, 1024, 2), mask: new Uint8Array(64 * 1024).fill(2) };
  const fail = async () => {
    for (let i = 0; i < 50; i++) await lpReg.forwardBackward(batch, { outputs: [] }).catch(() => {});
    await collectAll();
    return process.memoryUsage.rss();
  };
  await fail();
  const before = await fail();
  expect((await fail()) - before).toBeLessThan(50 * 2 ** 20);
});
