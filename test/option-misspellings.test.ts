import { expect, test } from 'vitest';
import { PolicyLoss, type PolicyLossBatch, type PolicyLossOptions, tokenStatsSync } from '../lib/index.js';
import { thrownBy } from './support/errors.js';
import { smallBatch } from './support/small-batch.js';

test.each([
  ['clip_low', 'clipLow'],
  ['ClipHigh', 'clipHigh'],
  ['entropyCoefs', 'entropyCoef'],
  ['epsilon', 'clipLow and clipHigh'],
  ['epsilonHigh', 'clipHigh'],
  ['kappa', 'filter'],
  ['klCoef', 'klRefCoef'],
  ['lossAggMode', 'aggregation'],
])('an option called %s is an error that suggests %s', (misspelt, meant) => {
  const options = { objective: 'lp-reg', [misspelt]: 0.1 } as unknown as PolicyLossOptions;
  const error = thrownBy(() => new PolicyLoss(options));
  expect(error).toMatchObject({ code: 'ERR_OPTION_WITHOUT_EFFECT', argument: misspelt });
  expect(error.message).toContain(`did you mean ${meant}`);
});

test.each([
  ['oldLogprobs', 'oldLogProbs'],
  ['advantage', 'advantages'],
  ['old_log_probs', 'oldLogProbs'],
  ['attentionMask', 'mask'],
  ['labels', 'actions'],
])('an input called %s is an error that suggests %s', (misspelt, meant) => {
  const batch = { ...smallBatch(), [misspelt]: new Float32Array(6) } as PolicyLossBatch;
  const error = thrownBy(() => new PolicyLoss({ objective: 'grpo' }).forwardSync(batch));
  expect(error).toMatchObject({ code: 'ERR_OPTION_WITHOUT_EFFECT', argument: misspelt });
  expect(error.message).toContain(`did you mean ${meant}?`);
});

test('a property that a tensor does not have is an error, since a stride might be meant', () => {
  const { logits, actions } = smallBatch();
  const misspelt = { ...logits, stride: [15, 5, 1] };
  expect(thrownBy(() => tokenStatsSync({ logits: misspelt, actions }))).toMatchObject({
    code: 'ERR_OPTION_WITHOUT_EFFECT',
    argument: 'logits.stride',
  });
});

test('an unknown option of a call is an error', () => {
  const result = new PolicyLoss({ objective: 'grpo' }).forwardSync(smallBatch());
  const options = { gradientOutput: 2 } as object;
  expect(thrownBy(() => result.backwardSync(options))).toMatchObject({
    code: 'ERR_OPTION_WITHOUT_EFFECT',
    argument: 'gradientOutput',
  });
});

test('a signal cannot stop a synchronous call, and is an error there', () => {
  const options = { signal: new AbortController().signal } as object;
  const call = () => new PolicyLoss({ objective: 'grpo' }).forwardSync(smallBatch(), options);
  expect(thrownBy(call)).toMatchObject({ code: 'ERR_OPTION_WITHOUT_EFFECT', argument: 'signal' });
});
