/** Small synchronous calls share the memory that the addon writes to; nobody may notice. */
import { expect, test } from 'vitest';
import { PolicyLoss, tokenStatsSync } from '../lib/index.js';
import { smallBatch } from './support/small-batch.js';

const lpReg = new PolicyLoss({ objective: 'lp-reg', rho: 0.5 });
const grpo = new PolicyLoss({ objective: 'grpo' });

test('results stay what they are when another call follows', () => {
  const first = lpReg.forwardBackwardSync(smallBatch());
  const kept = structuredClone({ ...first });
  grpo.forwardBackwardSync(smallBatch(3, 4, 7));
  tokenStatsSync({ logits: smallBatch().logits });
  expect({ ...first }).toStrictEqual(kept);
});

test('every per-token result has a buffer of its own', () => {
  for (const batch of [smallBatch(), smallBatch(64, 200, 3)]) {
    const { tokens } = lpReg.forwardSync(batch);
    const buffers = Object.values(tokens).map(({ buffer }) => buffer);
    expect(new Set(buffers).size).toBe(buffers.length);
    for (const array of Object.values(tokens)) expect(array.byteLength).toBe(array.buffer.byteLength);
  }
});

test('a getter that makes a call of its own disturbs neither', () => {
  const expected = lpReg.forwardSync(smallBatch());
  const other = grpo.forwardSync(smallBatch(3, 4, 7));
  const inner: unknown[] = [];
  const { mask, logits, ...batch } = smallBatch();
  const hostile = {
    get logits() {
      inner.push(grpo.forwardSync(smallBatch(3, 4, 7)).loss);
      return logits;
    },
    ...batch,
    get mask() {
      inner.push(grpo.forwardSync(smallBatch(3, 4, 7)).loss);
      return mask;
    },
  };
  const { loss, tokens } = lpReg.forwardSync(hostile);
  expect({ loss, tokens }).toStrictEqual({ loss: expected.loss, tokens: expected.tokens });
  expect(inner).toStrictEqual([other.loss, other.loss]);
});

test('asynchronous results are not touched by calls that are made meanwhile', async () => {
  const expected = lpReg.forwardSync(smallBatch());
  const promises = [lpReg.forward(smallBatch()), lpReg.forward(smallBatch())];
  grpo.forwardSync(smallBatch(3, 4, 7));
  for (const { loss, tokens } of await Promise.all(promises)) {
    expect({ loss, tokens }).toStrictEqual({ loss: expected.loss, tokens: expected.tokens });
  }
});

test('requested outputs come in any order, and once', () => {
  const all = lpReg.forwardSync(smallBatch()).tokens;
  const { tokens } = lpReg.forwardSync(smallBatch(), { outputs: ['kl', 'logProbs', 'kl', 'keepCount'] });
  expect(tokens).toStrictEqual({ logProbs: all.logProbs, kl: all.kl, keepCount: all.keepCount });
});
