import { expect, test } from 'vitest';
import { PolicyLoss, tokenStatsSync } from '../lib/index.js';
import { rejectionOf, thrownBy } from './support/errors.js';
import { smallBatch } from './support/small-batch.js';

const DISPOSED = { code: 'ERR_DISPOSED', status: 'untouched' };

test('a disposed loss refuses every call', async () => {
  const policyLoss = new PolicyLoss({ objective: 'grpo' });
  policyLoss.dispose();
  const batch = smallBatch();
  const objective = { shape: [2, 3] as const, tokens: { logProbs: new Float32Array(6) }, ...batch };
  expect(thrownBy(() => policyLoss.forwardSync(batch))).toMatchObject(DISPOSED);
  expect(thrownBy(() => policyLoss.forwardBackwardSync(batch))).toMatchObject(DISPOSED);
  expect(thrownBy(() => policyLoss.objectiveSync(objective))).toMatchObject(DISPOSED);
  expect(await rejectionOf(policyLoss.forward(batch))).toMatchObject(DISPOSED);
  expect(await rejectionOf(policyLoss.forwardBackward(batch))).toMatchObject(DISPOSED);
  expect(await rejectionOf(policyLoss.objective(objective))).toMatchObject(DISPOSED);
});

test('a result outlives its loss', async () => {
  const policyLoss = new PolicyLoss({ objective: 'grpo' });
  const result = await policyLoss.forward(smallBatch());
  policyLoss.dispose();
  expect((await result.backward()).data).toHaveLength(30);
});

test('a call under way outlives its loss', async () => {
  const policyLoss = new PolicyLoss({ objective: 'grpo' });
  const promise = policyLoss.forward(smallBatch());
  policyLoss.dispose();
  expect((await promise).loss).toBeTypeOf('number');
});

test('a disposed result keeps its values and refuses backward', async () => {
  const result = new PolicyLoss({ objective: 'grpo' }).forwardSync(smallBatch());
  const { loss } = result;
  result.dispose();
  expect(result.loss).toBe(loss);
  expect(result.tokens.logProbs).toHaveLength(6);
  expect(thrownBy(() => result.backwardSync())).toMatchObject(DISPOSED);
  expect(await rejectionOf(result.backward())).toMatchObject(DISPOSED);
});

test('a backward pass under way outlives its result', async () => {
  const result = new PolicyLoss({ objective: 'grpo' }).forwardSync(smallBatch());
  const expected = result.backwardSync();
  const promise = result.backward();
  result.dispose();
  expect(await promise).toStrictEqual(expected);
});

test('disposed statistics refuse backward', () => {
  const { logits, actions } = smallBatch();
  const stats = tokenStatsSync({ logits, actions });
  stats.dispose();
  expect(thrownBy(() => stats.backwardSync({ dLogProbs: new Float32Array(6) }))).toMatchObject(DISPOSED);
});

test('disposing twice, or by Symbol.dispose, is fine', () => {
  const policyLoss = new PolicyLoss({ objective: 'grpo' });
  const result = policyLoss.forwardSync(smallBatch());
  for (const disposable of [result, policyLoss]) {
    disposable[Symbol.dispose]();
    disposable.dispose();
  }
  expect(thrownBy(() => result.backwardSync())).toMatchObject(DISPOSED);
});
