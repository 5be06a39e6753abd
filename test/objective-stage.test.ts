import { describe, expect, test } from 'vitest';
import {
  type ObjectiveBatch,
  PolicyLoss,
  type PolicyLossOptions,
  tokenStats,
  tokenStatsSync,
} from '../lib/index.js';
import { rejectionOf, thrownBy } from './support/errors.js';
import { smallBatch, waves } from './support/small-batch.js';

const { logits, actions, ...scalars } = smallBatch();
const filter = { kind: 'min-p', kappa: 0.02, on: 'scaled' } as const;
const { tokens } = tokenStatsSync({ logits, actions }, { filter });
const good: ObjectiveBatch = { shape: [2, 3], tokens, ...scalars };

test('statistics, scalar stage and vector-Jacobian product are the whole loss', async () => {
  const policyLoss = new PolicyLoss({ objective: 'lp-reg', rho: 0.5, entropyCoef: 0.1 });
  const whole = await policyLoss.forwardBackward(smallBatch());
  const stats = await tokenStats({ logits, actions }, { filter });
  const { loss, tokens: coefficients } = await policyLoss.objective({ ...good, tokens: stats.tokens });
  const gradient = await stats.backward({
    dLogProbs: coefficients.coefLogProb,
    dEntropy: coefficients.coefEntropy,
    dKl: coefficients.coefKl,
  });
  expect(loss).toBeCloseTo(whole.loss, 6);
  expect(policyLoss.objectiveSync(good).loss).toBe(loss);
  for (const [i, value] of (whole.gradLogits.data as Float32Array).entries()) {
    expect((gradient.data as Float32Array)[i]).toBeCloseTo(value, 6);
  }
});

test('packed rows are those of a padded batch', () => {
  const policyLoss = new PolicyLoss({ objective: 'grpo', aggregation: 'seq-mean-token-mean' });
  const { shape: _, ...rest } = good;
  const packed = policyLoss.objectiveSync({ ...rest, cuSeqLens: Int32Array.of(0, 3, 6) });
  expect(packed).toStrictEqual(policyLoss.objectiveSync(good));
});

test('stored proxies are an input of the batch', () => {
  const policyLoss = new PolicyLoss({ objective: 'lp-reg', form: 'kept', proxy: 'stored' });
  const { proxyLogProbs: _, ...statistics } = tokens;
  const proxyLogProbs = tokens.logProbs.map((logProb, i) => logProb + (i % 2 === 0 ? 0.5 : -0.5));
  const stage = policyLoss.objectiveSync({ ...good, tokens: statistics, proxyLogProbs });
  const whole = policyLoss.forwardSync({ ...smallBatch(), proxyLogProbs });
  expect(stage.loss).toBeCloseTo(whole.loss, 6);
  expect(stage.tokens.selected).toStrictEqual(whole.tokens.selected);
});

describe('a batch that makes no sense is refused', () => {
  const { entropy: _e, kl: _k, actionIsMax: _m, ...few } = tokens;
  test.each<[PolicyLossOptions, object, string, string]>([
    [{ objective: 'grpo' }, { shape: undefined }, 'ERR_MISSING', 'shape'],
    [{ objective: 'grpo' }, { shape: [6] }, 'ERR_SHAPE', 'shape'],
    [{ objective: 'grpo' }, { shape: [2, 3, 5] }, 'ERR_SHAPE', 'shape'],
    [{ objective: 'grpo' }, { shape: [2, 4] }, 'ERR_SHAPE', 'advantages'],
    [{ objective: 'grpo' }, { shape: [2, -3] }, 'ERR_SHAPE', 'shape'],
    [{ objective: 'grpo' }, { cuSeqLens: Int32Array.of(0, 6) }, 'ERR_OPTION_WITHOUT_EFFECT', 'cuSeqLens'],
    [{ objective: 'grpo' }, { tokens: undefined }, 'ERR_TYPE', 'tokens'],
    [{ objective: 'grpo' }, { tokens: {} }, 'ERR_MISSING', 'tokens.logProbs'],
    [
      { objective: 'grpo' },
      { tokens: { ...few, logProb: few.logProbs } },
      'ERR_OPTION_WITHOUT_EFFECT',
      'tokens.logProb',
    ],
    [{ objective: 'grpo' }, { tokens: { logProbs: new Float64Array(6) } }, 'ERR_TYPE', 'tokens.logProbs'],
    [
      { objective: 'grpo' },
      { tokens: { logProbs: new Float32Array(6).fill(NaN) } },
      'ERR_NON_FINITE_INPUT',
      'tokens.logProbs',
    ],
    [{ objective: 'grpo' }, { oldLogProbs: waves(7) }, 'ERR_SHAPE', 'oldLogProbs'],
    [{ objective: 'grpo' }, { logits }, 'ERR_OPTION_WITHOUT_EFFECT', 'logits'],
    [{ objective: 'grpo', entropyCoef: 1 }, { tokens: few }, 'ERR_MISSING', 'tokens.entropy'],
    [{ objective: '80-20' }, { tokens: few }, 'ERR_MISSING', 'tokens.entropy'],
    [{ objective: 'lp-reg' }, { tokens: few }, 'ERR_MISSING', 'tokens.kl'],
    [{ objective: 'lp-reg', form: 'kept' }, { tokens: few }, 'ERR_MISSING', 'tokens.actionIsMax'],
    [
      { objective: 'lp-reg', form: 'kept' },
      { tokens: { logProbs: few.logProbs } },
      'ERR_MISSING',
      'tokens.proxyLogProbs',
    ],
    [
      { objective: 'lp-reg', form: 'kept', proxy: 'stored' },
      {},
      'ERR_OPTION_WITHOUT_EFFECT',
      'tokens.proxyLogProbs',
    ],
  ])('%o: %o', async (options, change, code, argument) => {
    const policyLoss = new PolicyLoss(options);
    const batch = { ...good, ...change } as ObjectiveBatch;
    expect(thrownBy(() => policyLoss.objectiveSync(batch))).toMatchObject({ code, argument });
    expect(await rejectionOf(policyLoss.objective(batch))).toMatchObject({ code, argument });
  });
});
