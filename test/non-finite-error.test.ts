/** By default an impossible row is an error that names the first one and says what it did to the caller's buffers. */
import { afterAll, describe, expect, test } from 'vitest';
import { PolicyLoss, setThreads, type Tensor, tokenStatsSync } from '../lib/index.js';
import { sameBits } from './support/bits.js';
import { buildBatch, EVERY_TERM } from './support/built-batch.js';
import { LOSSES } from './support/draw.js';
import { thrownBy } from './support/errors.js';
import { POISONS, poisoned } from './support/poison.js';
import { changed, type ProductCase, productCase, tensorOf } from './support/product-case.js';
import type { CaseMeta, LossName } from './support/reference/case.js';

const MASK = Uint8Array.of(1, 1, 0, 1, 1, 1, 1, 0, 1, 1);
/** Valid rows; the first of them is to be named, however many threads look. */
const SPOILED = [8, 4, 6];
const SHAPE = { B: 2, T: 5, V: 70 } as const;

/** Losses that overwrite the logits while they still read them. */
const ONE_PASS: LossName[] = ['grpo', 'cispo', 'sapo', 'lp-reg-kept', 'lp-reg-paper', 'lp-reg-reference'];

const FILTER = { mode: 'min-p', value: 0.05, on: 'scaled', empty: 'argmax', source: 'current' } as const;

function caseOf(loss: LossName, more: Partial<CaseMeta> = {}): ProductCase {
  const filter = loss.startsWith('lp-reg') ? FILTER : null;
  return productCase(buildBatch({ ...SHAPE, loss, filter, mask: MASK, seed: 3, ...more }).input);
}

afterAll(() => setThreads(0));

describe.each(LOSSES)('%s', (loss) => {
  test.each(POISONS)('a row with %s: every form names the first such row', (_, poison) => {
    const given = poisoned(caseOf(loss), poison, SPOILED);
    const policyLoss = new PolicyLoss(given.options);
    const expected = { code: 'ERR_NON_FINITE_LOGITS', argument: 'logits', index: 4, status: 'untouched' };
    for (const threads of [1, 2, 7]) {
      setThreads(threads);
      expect(thrownBy(() => policyLoss.forwardSync(given.batch))).toMatchObject(expected);
      expect(thrownBy(() => policyLoss.forwardBackwardSync(given.batch))).toMatchObject(expected);
    }
  });

  test('in place, the error says whether the logits are lost; with checkFirst they never are', () => {
    const given = poisoned(caseOf(loss), (row) => void row.fill(Number.NaN, 7, 8), SPOILED);
    const before = (given.batch.logits.data as Float32Array).slice();
    const oneRun = (options: Record<string, unknown>) => {
      const logits = { ...given.batch.logits, data: before.slice() };
      const policyLoss = new PolicyLoss(changed(given, {}, options).options);
      const error = thrownBy(() =>
        policyLoss.forwardBackwardSync({ ...given.batch, logits }, { into: logits }),
      );
      expect(error).toMatchObject({ code: 'ERR_NON_FINITE_LOGITS', index: 4 });
      return { status: error.status, intact: sameBits(logits.data, before) };
    };
    const lost = ONE_PASS.includes(loss);
    expect(oneRun({})).toEqual(
      lost ? { status: 'consumed', intact: false } : { status: 'untouched', intact: true },
    );
    expect(oneRun({ checkFirst: true })).toEqual({ status: 'untouched', intact: true });
  });

  test('a gradient tensor of the caller is not written to', () => {
    const given = poisoned(caseOf(loss), (row) => void row.fill(Number.NaN, 7, 8), SPOILED);
    const into = tensorOf(new Float32Array(before(given)).fill(42), given.batch.logits.shape);
    const error = thrownBy(() => new PolicyLoss(given.options).forwardBackwardSync(given.batch, { into }));
    expect(error).toMatchObject({ code: 'ERR_NON_FINITE_LOGITS', index: 4, status: 'untouched' });
    expect((into.data as Float32Array).every((value) => value === 42)).toBe(true);
  });
});

function before({ batch }: ProductCase): number {
  return (batch.logits.data as Float32Array).length;
}

test('old logits with NaN are named, and so is their row', () => {
  const given = caseOf('lp-reg-paper');
  const data = (given.batch.logits.data as Float32Array)
    .slice()
    .fill(Number.NaN, 3 * SHAPE.V, 3 * SHAPE.V + 1);
  const withOld = changed(given, { oldLogits: { ...given.batch.logits, data } }, { proxy: 'old' });
  const error = thrownBy(() => new PolicyLoss(withOld.options).forwardSync(withOld.batch));
  expect(error).toMatchObject({ code: 'ERR_NON_FINITE_LOGITS', argument: 'oldLogits', index: 3 });
});

test('a ratio that overflows without a clip is named: the loss of its token is not finite', () => {
  const given = caseOf('kl-cov', { hyper: { k_percent: 5 } });
  const oldLogProbs = given.batch.oldLogProbs.slice().fill(-1000, 5, 6);
  const advantages = given.batch.advantages.slice().fill(1, 5, 6);
  const error = thrownBy(() =>
    new PolicyLoss(given.options).forwardSync({ ...given.batch, oldLogProbs, advantages }),
  );
  expect(error).toMatchObject({ code: 'ERR_NON_FINITE_LOSS', index: 5, status: 'untouched' });
});

test('a ratio that overflows and is clipped is a finite loss', () => {
  const given = caseOf('grpo');
  const oldLogProbs = given.batch.oldLogProbs.slice().fill(-1000, 5, 6);
  const advantages = given.batch.advantages.slice().fill(1, 5, 6);
  const { loss, gradLogits, tokens } = new PolicyLoss(given.options).forwardBackwardSync({
    ...given.batch,
    oldLogProbs,
    advantages,
  });
  expect(loss).not.toBeNaN();
  expect(tokens.clipped[5]).toBe(1);
  const row = (gradLogits.data as Float32Array).subarray(5 * SHAPE.V, 6 * SHAPE.V);
  expect(row.every((slope) => slope === 0)).toBe(true);
});

test('a kept token of the old policy that is now at -Infinity makes the KL infinite, which is named', () => {
  const given = caseOf('lp-reg-paper', { hyper: { prob_threshold: 1 } });
  const { logits, actions, oldLogProbs } = given.batch;
  const old = (logits.data as Float32Array).slice();
  const now = old.slice();
  // Two likely tokens in row 4: one is sampled, the other has lost its probability.
  const start = 4 * SHAPE.V;
  const other = (Number(actions[4]) + 1) % SHAPE.V;
  for (const rows of [old, now]) rows.fill(20, start + Number(actions[4]), start + Number(actions[4]) + 1);
  old.fill(20, start + other, start + other + 1);
  now.fill(-Infinity, start + other, start + other + 1);
  const batch = {
    ...given.batch,
    logits: { ...logits, data: now },
    oldLogits: { ...logits, data: old },
    advantages: new Float32Array(oldLogProbs.length).fill(-1),
  };
  const options = changed(given, {}, { proxy: 'old', beta: 1 }).options;
  const error = thrownBy(() => new PolicyLoss(options).forwardSync(batch));
  expect(error).toMatchObject({ code: 'ERR_NON_FINITE_LOSS', index: 4 });
});

test.each(POISONS)('tokenStats: a row with %s is named', (_, poison) => {
  const { logits, actions, mask } = poisoned(caseOf('grpo'), poison, SPOILED).batch;
  const error = thrownBy(() => tokenStatsSync({ logits, actions, mask }));
  expect(error).toMatchObject({ code: 'ERR_NON_FINITE_LOGITS', argument: 'logits', index: 4 });
});

test('a row without sampled token may have -Infinity anywhere but everywhere', () => {
  const { logits } = poisoned(caseOf('grpo'), (row) => void row.fill(-Infinity, 1), [1]).batch;
  const { tokens } = tokenStatsSync({ logits: logits as Tensor, mask: MASK }, { outputs: ['entropy'] });
  expect(tokens.entropy[1]).toBe(0);
});

test('every term of a loss is watched: an entropy bonus over a spoiled row is an error too', () => {
  const { input } = buildBatch({ ...EVERY_TERM, ...SHAPE, mask: MASK });
  const given = poisoned(productCase(input), (row) => void row.fill(Number.NaN, 7, 8), SPOILED);
  const error = thrownBy(() => new PolicyLoss(given.options).forwardBackwardSync(given.batch));
  expect(error).toMatchObject({ code: 'ERR_NON_FINITE_LOGITS', index: 4 });
});
