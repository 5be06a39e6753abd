import { describe, expect, test } from 'vitest';
import { PolicyLoss, type PolicyLossOptions, type TokenField, tokenStatsSync } from '../lib/index.js';
import { thrownBy } from './support/errors.js';
import { smallBatch } from './support/small-batch.js';

const filter = { kind: 'min-p', kappa: 0.1 } as const;

function fieldsOf(options: PolicyLossOptions, outputs?: readonly TokenField[]): string[] {
  const batch = { ...smallBatch(), ...(needsOldLogits(options) ? { oldLogits: smallBatch().logits } : {}) };
  return Object.keys(new PolicyLoss(options).forwardSync(batch, { outputs }).tokens).sort();
}

function needsOldLogits(options: PolicyLossOptions): boolean {
  return 'proxy' in options && options.proxy === 'old';
}

const COMMON = [
  'logProbs',
  'entropy',
  'tokenLoss',
  'coefLogProb',
  'coefEntropy',
  'coefKl',
  'weight',
  'selected',
  'clipped',
];
const PROXY = ['logKeptMass', 'proxyLogProbs', 'keepCount'];

test.each<[PolicyLossOptions, string[]]>([
  [{ objective: 'grpo' }, COMMON],
  [{ objective: 'grpo', dualClip: 3 }, [...COMMON, 'dualClipped']],
  [{ objective: 'clip-cov' }, [...COMMON, 'candidate']],
  [{ objective: 'lp-reg' }, [...COMMON, ...PROXY, 'kl']],
  [{ objective: 'lp-reg', proxy: 'old' }, [...COMMON, ...PROXY, 'kl']],
  [{ objective: 'lp-reg', form: 'kept' }, [...COMMON, ...PROXY, 'kl']],
  // Its KL would cost a pass that this loss does not need.
  [{ objective: 'lp-reg', form: 'kept', proxy: 'old' }, [...COMMON, ...PROXY]],
])('%o gives what applies to it', (options, fields) => {
  expect(fieldsOf(options)).toStrictEqual([...fields].sort());
});

test('only what is asked for is given, and nothing if nothing is', () => {
  expect(fieldsOf({ objective: 'lp-reg' }, ['keepCount', 'logSumExp'])).toStrictEqual([
    'keepCount',
    'logSumExp',
  ]);
  expect(fieldsOf({ objective: 'lp-reg' }, [])).toStrictEqual([]);
});

test('every field that tokenFields lists can be asked for', () => {
  const { tokenFields } = new PolicyLoss({ objective: 'lp-reg' });
  expect(fieldsOf({ objective: 'lp-reg' }, tokenFields)).toStrictEqual([...tokenFields].sort());
});

test('what is not asked for changes neither loss nor gradient', () => {
  const policyLoss = new PolicyLoss({ objective: 'lp-reg', rho: 0.5, entropyCoef: 0.1 });
  const everything = policyLoss.forwardBackwardSync(smallBatch(), { outputs: policyLoss.tokenFields });
  const nothing = policyLoss.forwardBackwardSync(smallBatch(), { outputs: [] });
  expect(nothing.loss).toBe(everything.loss);
  expect(nothing.gradLogits).toStrictEqual(everything.gradLogits);
});

test('without entropy in the outputs its metrics are NaN, unless the loss has it anyway', () => {
  const metrics = (entropyCoef: number) =>
    new PolicyLoss({ objective: 'grpo', entropyCoef }).forwardSync(smallBatch(), { outputs: [] }).metrics;
  expect(metrics(0).entropy).toBeNaN();
  expect(metrics(0.1).entropy).toBeGreaterThan(0);
});

describe('a field that cannot be given is refused', () => {
  test.each<[PolicyLossOptions, unknown, string]>([
    [{ objective: 'grpo' }, ['kl'], 'ERR_OPTION_WITHOUT_EFFECT'],
    [{ objective: 'grpo' }, ['dualClipped'], 'ERR_OPTION_WITHOUT_EFFECT'],
    [{ objective: 'grpo' }, ['candidate'], 'ERR_OPTION_WITHOUT_EFFECT'],
    [{ objective: 'lp-reg', form: 'kept', proxy: 'stored' }, ['kl'], 'ERR_OPTION_WITHOUT_EFFECT'],
    [{ objective: 'grpo' }, ['logProb'], 'ERR_OPTION'],
    [{ objective: 'grpo' }, ['toString'], 'ERR_OPTION'],
    [{ objective: 'grpo' }, [1], 'ERR_OPTION'],
    [{ objective: 'grpo' }, 'logProbs', 'ERR_TYPE'],
    [{ objective: 'grpo' }, null, 'ERR_TYPE'],
  ])('%o: %o', (options, outputs, code) => {
    const call = () =>
      new PolicyLoss(options).forwardSync(smallBatch(), { outputs: outputs as TokenField[] });
    expect(thrownBy(call)).toMatchObject({ code, argument: 'outputs' });
  });
});

describe('tokenStats', () => {
  const { logits, actions } = smallBatch();

  test.each([
    ['nothing but logits', { logits }, {}, ['entropy', 'logSumExp']],
    ['actions', { logits, actions }, {}, ['logProbs', 'entropy', 'logSumExp', 'actionIsMax']],
    ['a filter', { logits }, { filter }, ['entropy', 'logSumExp', 'logKeptMass', 'kl', 'keepCount']],
  ])('gives with %s what applies', (_, batch, options, fields) => {
    expect(Object.keys(tokenStatsSync(batch, options).tokens).sort()).toStrictEqual([...fields].sort());
  });

  test.each<[object, TokenField]>([
    [{ logits }, 'logProbs'],
    [{ logits }, 'actionIsMax'],
    [{ logits, actions }, 'kl'],
    [{ logits, actions }, 'tokenLoss'],
  ])('refuses what does not', (batch, field) => {
    const call = () => tokenStatsSync(batch as { logits: typeof logits }, { outputs: [field] });
    expect(thrownBy(call)).toMatchObject({ code: 'ERR_OPTION_WITHOUT_EFFECT', argument: 'outputs' });
  });
});
