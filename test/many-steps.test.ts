/** A training run takes many steps: none of them may leave anything behind. */
import { describe, expect, test } from 'vitest';
import { runScript } from './support/child.js';

/** Resident bytes that are still there after step `last`, over those after step `first`; each step also runs `extra`. */
function growth(
  step: string,
  { first, last, extra = '' }: { first: number; last: number; extra?: string },
): number {
  const ended = runScript(
    `
    const policyLoss = new lpreg.PolicyLoss({ objective: 'lp-reg', rho: 0.5 });
    const small = batch(2, 4, 16);
    const kept = [];
    async function resident() {
      for (let i = 0; i < 6; i++) {
        gc();
        await new Promise((resolve) => setImmediate(resolve));
      }
      return process.memoryUsage.rss();
    }
    (async () => {
      let before;
      for (let i = 1; i <= ${last}; i++) {
        ${step}
        ${extra}
        if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
        if (i === ${first}) before = await resident();
      }
      console.log((await resident()) - before);
    })();
  `,
    // Small generations, so that the garbage collector's own appetite does not count as growth.
    ['--expose-gc', '--max-semi-space-size=1'],
  );
  expect(ended).toMatchObject({ status: 0, signal: null, stderr: '' });
  const bytes = Number(ended.stdout);
  console.log(`${(bytes / 2 ** 20).toFixed(2)} MB more after step ${last} than after step ${first}`);
  return bytes;
}

const LIMIT = 2 * 2 ** 20;
const SYNCHRONOUS = 'policyLoss.forwardBackwardSync(small);';
const ASYNCHRONOUS = 'await policyLoss.forwardBackward(small);';

test('synchronous steps grow the process by less than two megabytes from step 10,000 to 100,000', () => {
  expect(growth(SYNCHRONOUS, { first: 10_000, last: 100_000 })).toBeLessThan(LIMIT);
});

test('asynchronous steps do not either', () => {
  const last = process.env.LPREG_TEST_FULL ? 100_000 : 40_000;
  expect(growth(ASYNCHRONOUS, { first: 10_000, last })).toBeLessThan(LIMIT);
});

describe('the same measurement', () => {
  test('finds a leak of 64 bytes a step', () => {
    const extra = 'kept.push(Buffer.allocUnsafeSlow(64));';
    expect(growth(SYNCHRONOUS, { first: 10_000, last: 100_000, extra })).toBeGreaterThan(LIMIT);
  });
});

test('two hundred large steps in place keep less than one copy of their logits', () => {
  const ended = runScript(
    `
    const policyLoss = new lpreg.PolicyLoss({ objective: 'lp-reg' });
    const large = batch(1, 16, 151936, SharedArrayBuffer);
    const { logits } = large;
    const original = logits.data.slice();
    (async () => {
      let before;
      for (let i = 0; i < 200; i++) {
        logits.data.set(original);
        await policyLoss.forwardBackward(large, { into: logits });
        if (i === 20) before = process.memoryUsage.rss();
      }
      console.log(process.memoryUsage.rss() - before);
    })();
  `,
  );
  expect(ended).toMatchObject({ status: 0, stderr: '' });
  // One copy of the logits; each step that kept one would add as much.
  expect(Number(ended.stdout)).toBeLessThan(16 * 151936 * 4);
});
