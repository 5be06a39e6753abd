import { describe, expect, test } from 'vitest';
import { PolicyLoss, type PolicyLossBatch, type PolicyLossOptions } from '../lib/index.js';
import { rejectionOf, thrownBy } from './support/errors.js';
import { smallBatch, waves } from './support/small-batch.js';

const GRPO: PolicyLossOptions = { objective: 'grpo' };
const STORED: PolicyLossOptions = { objective: 'lp-reg', form: 'kept', proxy: 'stored' };

/** `smallBatch()` with one change, and what it must lead to. */
const CASES: [string, PolicyLossOptions, object, object][] = [
  ['no actions', GRPO, { actions: undefined }, { code: 'ERR_MISSING', argument: 'actions' }],
  ['no oldLogProbs', GRPO, { oldLogProbs: undefined }, { code: 'ERR_MISSING', argument: 'oldLogProbs' }],
  ['no advantages', GRPO, { advantages: undefined }, { code: 'ERR_MISSING', argument: 'advantages' }],
  ['actions of text', GRPO, { actions: ['1'] }, { code: 'ERR_TYPE', argument: 'actions' }],
  ['unsigned actions', GRPO, { actions: new Uint32Array(6) }, { code: 'ERR_TYPE', argument: 'actions' }],
  ['too few actions', GRPO, { actions: new Int32Array(5) }, { code: 'ERR_SHAPE', argument: 'actions' }],
  [
    'an action of -1',
    GRPO,
    { actions: Int32Array.of(0, 1, -1, 0, 5, 0) },
    { code: 'ERR_ACTION_RANGE', argument: 'actions', index: 2 },
  ],
  [
    'an action of V',
    GRPO,
    { actions: BigInt64Array.of(0n, 1n, 2n, 0n, 5n, 0n) },
    { code: 'ERR_ACTION_RANGE', argument: 'actions', index: 4 },
  ],
  [
    'an action of 2^32',
    GRPO,
    { actions: BigInt64Array.of(0n, 1n, 2n, 2n ** 32n, 0n, 0n) },
    { code: 'ERR_ACTION_RANGE', argument: 'actions', index: 3 },
  ],
  [
    'float64 oldLogProbs',
    GRPO,
    { oldLogProbs: new Float64Array(6) },
    { code: 'ERR_TYPE', argument: 'oldLogProbs' },
  ],
  ['too many oldLogProbs', GRPO, { oldLogProbs: waves(7) }, { code: 'ERR_SHAPE', argument: 'oldLogProbs' }],
  [
    'an oldLogProb of NaN',
    GRPO,
    { oldLogProbs: Float32Array.of(0, 0, 0, NaN, 0, 0) },
    { code: 'ERR_NON_FINITE_INPUT', argument: 'oldLogProbs', index: 3 },
  ],
  [
    'advantages of another length',
    GRPO,
    { advantages: waves(3) },
    { code: 'ERR_SHAPE', argument: 'advantages' },
  ],
  [
    'an infinite advantage',
    GRPO,
    { advantages: Float32Array.of(0, 0, 0, 0, 0, Infinity) },
    { code: 'ERR_NON_FINITE_INPUT', argument: 'advantages', index: 5 },
  ],
  [
    'an infinite advantage of a sequence',
    GRPO,
    { advantages: Float32Array.of(0, -Infinity) },
    { code: 'ERR_NON_FINITE_INPUT', argument: 'advantages', index: 1 },
  ],
  [
    'a mask of 2',
    GRPO,
    { mask: Uint8Array.of(1, 1, 1, 1, 2, 1) },
    { code: 'ERR_MASK', argument: 'mask', index: 4 },
  ],
  ['a mask of booleans', GRPO, { mask: Array(6).fill(true) }, { code: 'ERR_TYPE', argument: 'mask' }],
  ['a short mask', GRPO, { mask: new Uint8Array(3) }, { code: 'ERR_SHAPE', argument: 'mask' }],
  [
    'NaN in the logits',
    GRPO,
    { logits: { data: waves(30).fill(NaN, 12, 13), dtype: 'float32', shape: [2, 3, 5] } },
    { code: 'ERR_NON_FINITE_LOGITS', argument: 'logits', index: 2 },
  ],
  [
    'refLogProbs without a coefficient',
    GRPO,
    { refLogProbs: waves(6) },
    { code: 'ERR_OPTION_WITHOUT_EFFECT', argument: 'refLogProbs' },
  ],
  [
    'no refLogProbs with one',
    { ...GRPO, klRefCoef: 1 },
    {},
    { code: 'ERR_MISSING', argument: 'refLogProbs' },
  ],
  [
    'proxyLogProbs without a stored proxy',
    GRPO,
    { proxyLogProbs: waves(6) },
    { code: 'ERR_OPTION_WITHOUT_EFFECT', argument: 'proxyLogProbs' },
  ],
  ['no proxyLogProbs with one', STORED, {}, { code: 'ERR_MISSING', argument: 'proxyLogProbs' }],
  [
    'a proxyLogProb of NaN',
    STORED,
    { proxyLogProbs: Float32Array.of(0, NaN, 0, 0, 0, 0) },
    { code: 'ERR_NON_FINITE_INPUT', argument: 'proxyLogProbs', index: 1 },
  ],
  [
    'oldLogits without an old proxy',
    GRPO,
    { oldLogits: smallBatch().logits },
    { code: 'ERR_OPTION_WITHOUT_EFFECT', argument: 'oldLogits' },
  ],
  [
    'no oldLogits with one',
    { objective: 'lp-reg', proxy: 'old' },
    {},
    { code: 'ERR_MISSING', argument: 'oldLogits' },
  ],
  [
    'no snapshot with a snapshot proxy',
    { objective: 'lp-reg', proxy: 'snapshot' },
    {},
    { code: 'ERR_MISSING', argument: 'proxySnapshot' },
  ],
  [
    'a rollout weight of NaN',
    GRPO,
    { rolloutWeights: Float32Array.of(NaN, 1, 1, 1, 1, 1) },
    { code: 'ERR_NON_FINITE_INPUT', argument: 'rolloutWeights', index: 0 },
  ],
  [
    'chosen without Clip-Cov',
    GRPO,
    { chosen: new Uint8Array(6) },
    { code: 'ERR_OPTION_WITHOUT_EFFECT', argument: 'chosen' },
  ],
  [
    'probThreshold without Lp-Reg',
    GRPO,
    { probThreshold: 0.1 },
    { code: 'ERR_OPTION_WITHOUT_EFFECT', argument: 'probThreshold' },
  ],
  [
    'a negative probThreshold',
    { objective: 'lp-reg' },
    { probThreshold: -1 },
    { code: 'ERR_OPTION', argument: 'probThreshold' },
  ],
  [
    'a probThreshold that is text',
    { objective: 'lp-reg' },
    { probThreshold: '0.1' },
    { code: 'ERR_TYPE', argument: 'probThreshold' },
  ],
  ['a tokenCount of 0', GRPO, { tokenCount: 0 }, { code: 'ERR_OPTION', argument: 'tokenCount' }],
  [
    'a tokenCount of another mode',
    { ...GRPO, aggregation: 'seq-mean-token-sum' },
    { tokenCount: 5 },
    { code: 'ERR_OPTION_WITHOUT_EFFECT', argument: 'tokenCount' },
  ],
  [
    'a sequenceCount of another mode',
    GRPO,
    { sequenceCount: 5 },
    { code: 'ERR_OPTION_WITHOUT_EFFECT', argument: 'sequenceCount' },
  ],
  [
    'a maxLength of another mode',
    GRPO,
    { maxLength: 5 },
    { code: 'ERR_OPTION_WITHOUT_EFFECT', argument: 'maxLength' },
  ],
  [
    'sequenceLengths of another mode',
    GRPO,
    { sequenceLengths: [1, 2] },
    { code: 'ERR_OPTION_WITHOUT_EFFECT', argument: 'sequenceLengths' },
  ],
  [
    'sequenceLengths of text',
    { ...GRPO, aggregation: 'seq-mean-token-mean' },
    { sequenceLengths: [1, '2'] },
    { code: 'ERR_TYPE', argument: 'sequenceLengths', index: 1 },
  ],
  [
    'a sequence length of 0',
    { ...GRPO, aggregation: 'seq-mean-token-mean' },
    { sequenceLengths: [3, 0] },
    { code: 'ERR_OPTION', argument: 'sequenceLengths', index: 1 },
  ],
  [
    'too many sequenceLengths',
    { ...GRPO, aggregation: 'seq-mean-token-mean' },
    { sequenceLengths: [3, 3, 3] },
    { code: 'ERR_SHAPE', argument: 'sequenceLengths' },
  ],
  [
    'cuSeqLens beside padded logits',
    GRPO,
    { cuSeqLens: Int32Array.of(0, 3, 6) },
    { code: 'ERR_OPTION_WITHOUT_EFFECT', argument: 'cuSeqLens' },
  ],
];

const PACKED: [string, object, object][] = [
  ['no cuSeqLens', { cuSeqLens: undefined }, { code: 'ERR_MISSING', argument: 'cuSeqLens' }],
  ['empty cuSeqLens', { cuSeqLens: new Int32Array(0) }, { code: 'ERR_SHAPE', argument: 'cuSeqLens' }],
  [
    'cuSeqLens from 1',
    { cuSeqLens: Int32Array.of(1, 6) },
    { code: 'ERR_SHAPE', argument: 'cuSeqLens', index: 0 },
  ],
  [
    'cuSeqLens that descend',
    { cuSeqLens: Int32Array.of(0, 4, 3, 6) },
    { code: 'ERR_SHAPE', argument: 'cuSeqLens', index: 2 },
  ],
  [
    'cuSeqLens that end early',
    { cuSeqLens: BigInt64Array.of(0n, 5n) },
    { code: 'ERR_SHAPE', argument: 'cuSeqLens', index: 1 },
  ],
  ['cuSeqLens of floats', { cuSeqLens: Float32Array.of(0, 6) }, { code: 'ERR_TYPE', argument: 'cuSeqLens' }],
];

function packedBatch(change: object): PolicyLossBatch {
  const { logits, ...rest } = smallBatch();
  return { logits: { ...logits, shape: [6, 5] }, cuSeqLens: Int32Array.of(0, 3, 6), ...rest, ...change };
}

describe('an input that is wrong is named, with its first wrong element', () => {
  test.each(CASES)('%s', async (_, options, change, expected) => {
    const batch = { ...smallBatch(), ...change } as PolicyLossBatch;
    const policyLoss = new PolicyLoss(options);
    const calls = [() => policyLoss.forwardSync(batch), () => policyLoss.forwardBackwardSync(batch)];
    for (const call of calls) expect(thrownBy(call)).toMatchObject({ ...expected, status: 'untouched' });
    expect(await rejectionOf(policyLoss.forward(batch))).toMatchObject(expected);
  });

  test.each(PACKED)('packed rows: %s', (_, change, expected) => {
    const policyLoss = new PolicyLoss(GRPO);
    expect(thrownBy(() => policyLoss.forwardSync(packedBatch(change)))).toMatchObject(expected);
  });

  test.each([undefined, null, [], 'batch'])('a batch that is %o', (batch) => {
    const call = () => new PolicyLoss(GRPO).forwardSync(batch as unknown as PolicyLossBatch);
    expect(thrownBy(call)).toMatchObject({ code: 'ERR_TYPE', argument: 'batch' });
  });
});

test('an asynchronous method never throws, it rejects', async () => {
  const promise = new PolicyLoss(GRPO).forward(undefined as unknown as PolicyLossBatch);
  expect(await rejectionOf(promise)).toMatchObject({ code: 'ERR_TYPE' });
});

test('int64 actions give what int32 actions give', () => {
  const batch = smallBatch();
  const actions = BigInt64Array.from(batch.actions as Int32Array, BigInt);
  const policyLoss = new PolicyLoss(GRPO);
  expect(policyLoss.forwardSync({ ...batch, actions }).loss).toBe(policyLoss.forwardSync(batch).loss);
});

test('advantages per sequence give what the same advantages per token give', () => {
  const batch = smallBatch();
  const policyLoss = new PolicyLoss(GRPO);
  const perSequence = policyLoss.forwardSync({ ...batch, advantages: Float32Array.of(2, -1) });
  const perToken = policyLoss.forwardSync({ ...batch, advantages: Float32Array.of(2, 2, 2, -1, -1, -1) });
  expect(perSequence.loss).toBe(perToken.loss);
});
