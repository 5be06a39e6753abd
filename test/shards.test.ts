/** Shards of a batch, joined for the scalar stage, are the batch: the same loss, selections and gradients. */
import { describe, expect, test } from 'vitest';
import {
  joinShards,
  PolicyLoss,
  type PolicyLossBatch,
  type PolicyLossOptions,
  type ShardBatch,
  type ShardCounts,
  shardCounts,
  tokenStatsSync,
  wholeBatch,
} from '../lib/index.js';
import { sameBits } from './support/bits.js';
import { LOSSES } from './support/draw.js';
import { drawnBatches, someValid } from './support/drawn-cases.js';
import { thrownBy } from './support/errors.js';
import { numbersOf } from './support/product.js';
import { changed, type ProductCase, productCase } from './support/product-case.js';
import { inParts } from './support/product-parts.js';
import type { ReferenceInput } from './support/reference/case.js';
import { smallBatch } from './support/small-batch.js';
import { splitInto } from './support/split-batch.js';

const GIVEN = {
  tokenCount: undefined,
  sequenceCount: undefined,
  sequenceLengths: undefined,
  maxLength: undefined,
};

/** Statistics of a part, and the part as a shard. */
function shardOf(policyLoss: PolicyLoss, batch: PolicyLossBatch) {
  const { logits, actions, oldLogits, probThreshold: _, ...inputs } = batch;
  const stats = tokenStatsSync({ logits, actions, oldLogits, mask: inputs.mask }, policyLoss.statsOptions);
  const [B, T] = logits.shape as [number, number];
  return { stats, shard: { shape: [B, T], tokens: stats.tokens, ...inputs } satisfies ShardBatch };
}

/** A masked sequence at the end makes the last shard a masked one. */
function maskedEnd({ mask, meta: { B, T } }: ReferenceInput): boolean {
  return !mask.subarray((B - 1) * T).includes(1);
}

function expectJoined(given: ProductCase, sizes: readonly number[]): void {
  const whole = inParts(given);
  const policyLoss = new PolicyLoss(given.options);
  const parts = splitInto(given, sizes);
  const shards = parts.map((part) => shardOf(policyLoss, part.given.batch));
  const joined = joinShards(shards.map(({ shard }) => shard));
  const { probThreshold } = given.batch;
  const result = policyLoss.objectiveSync({ ...joined.batch, probThreshold });
  expect(result.loss).toBe(whole.loss);
  const V = given.batch.logits.shape[2] as number;
  const gradient = numbersOf(whole.gradient);
  parts.forEach(({ tokens }, i) => {
    for (const [field, values] of Object.entries(result.tokens)) {
      const expected = Array.from(tokens, (token) => whole.tokens[field]?.[token]);
      expect(Array.from(joined.part(values, i)), field).toEqual(expected);
    }
    const rows = shards[i]?.stats.backwardSync(joined.cotangents(result.tokens, i));
    const begin = (tokens[0] as number) * V;
    const expected = gradient.subarray(begin, begin + tokens.length * V);
    expect(sameBits(numbersOf(rows as NonNullable<typeof rows>), expected)).toBe(true);
  });
}

test.each(LOSSES)('%s: shards of unequal size, joined, are the batch bit for bit', (loss) => {
  const batches = drawnBatches(loss, 8, (input) => input.meta.B >= 3 && someValid(input));
  for (const { input } of batches) {
    expectJoined(changed(productCase(input), GIVEN), [1, input.meta.B - 2]);
  }
});

test.each(LOSSES)('%s: a shard without a valid token takes part', (loss) => {
  const accept = (input: ReferenceInput) => input.meta.B >= 2 && someValid(input) && maskedEnd(input);
  for (const { input } of drawnBatches(loss, 3, accept)) {
    expectJoined(changed(productCase(input), GIVEN), [input.meta.B - 1]);
  }
});

describe('statsOptions ask for what the scalar stage reads', () => {
  test.each<PolicyLossOptions>([
    { objective: 'grpo' },
    { objective: 'grpo', entropyCoef: 0.1 },
    { objective: '80-20' },
    { objective: 'kl-cov' },
    { objective: 'lp-reg' },
    { objective: 'lp-reg', form: 'reference' },
    { objective: 'lp-reg', form: 'kept' },
    { objective: 'lp-reg', form: 'kept', proxy: 'stored' },
  ])('%o, and without any of them the stage does not run', (options) => {
    const policyLoss = new PolicyLoss(options);
    const stored = policyLoss.tokenFields.includes('keepCount') || options.objective !== 'lp-reg';
    const proxyLogProbs = stored ? undefined : new Float32Array(6).fill(-1);
    const { shard } = shardOf(policyLoss, { ...smallBatch(), proxyLogProbs });
    policyLoss.objectiveSync(shard);
    for (const field of Object.keys(shard.tokens)) {
      const tokens = { ...shard.tokens, [field]: undefined };
      const error = thrownBy(() => policyLoss.objectiveSync({ ...shard, tokens }));
      expect(error).toMatchObject({ code: 'ERR_MISSING', argument: `tokens.${field}` });
    }
  });
});

describe('counts', () => {
  test('they are those of the mask and of the longest sequence, padded or packed', () => {
    const mask = Uint8Array.of(1, 1, 0, 0, 0, 0);
    expect(shardCounts({ shape: [2, 3], mask })).toStrictEqual({
      tokenCount: 2,
      sequenceCount: 2,
      maxLength: 3,
    });
    const packed = { tokenCount: 6, sequenceCount: 3, maxLength: 4 };
    expect(shardCounts({ cuSeqLens: Int32Array.of(0, 2, 2, 6) })).toStrictEqual(packed);
    expect(shardCounts({ cuSeqLens: BigInt64Array.of(0n, 2n, 2n, 6n) })).toStrictEqual(packed);
  });

  const counts: ShardCounts[] = [
    { tokenCount: 4, sequenceCount: 2, maxLength: 3 },
    { tokenCount: 0, sequenceCount: 1, maxLength: 5 },
  ];
  test.each<[PolicyLossOptions, object]>([
    [{ objective: 'grpo' }, { tokenCount: 4 }],
    [{ objective: 'gspo' }, { sequenceCount: 3 }],
    [{ objective: 'sapo', aggregation: 'seq-mean-token-sum' }, { sequenceCount: 3 }],
    [{ objective: 'cispo', aggregation: 'seq-mean-token-mean' }, { sequenceCount: 3 }],
    [{ objective: 'lp-reg', form: 'kept', aggregation: 'seq-mean-token-sum-norm' }, { maxLength: 5 }],
  ])('%o takes %o', (options, facts) => {
    expect(wholeBatch(new PolicyLoss(options), counts)).toStrictEqual(facts);
  });

  test('a known threshold goes with them', () => {
    const policyLoss = new PolicyLoss({ objective: 'lp-reg' });
    const facts = wholeBatch(policyLoss, counts, { probThreshold: 0.1 });
    expect(facts).toStrictEqual({ tokenCount: 4, probThreshold: 0.1 });
  });

  test('where nothing counts, the divisor is 1, and the loss 0', () => {
    const policyLoss = new PolicyLoss({ objective: 'grpo' });
    const mask = new Uint8Array(6);
    const facts = wholeBatch(policyLoss, [shardCounts({ shape: [2, 3], mask })]);
    expect(policyLoss.forwardSync({ ...smallBatch(), mask, ...facts }).loss).toBe(0);
  });
});

describe('what makes no sense is refused', () => {
  const { shard } = shardOf(new PolicyLoss({ objective: 'grpo' }), smallBatch());
  const { mask: _, ...unmasked } = shard;
  test('a shard without a mask is all valid beside one that has one', () => {
    expect(joinShards([unmasked, shard]).batch).toEqual(joinShards([shard, shard]).batch);
  });

  test.each<[string, unknown, string, string]>([
    ['no array', {}, 'ERR_TYPE', 'shards'],
    ['no shard', [], 'ERR_MISSING', 'shards'],
    ['no statistics', [{ ...shard, tokens: undefined }], 'ERR_TYPE', 'shards[0].tokens'],
    ['no shape', [{ ...shard, shape: undefined }], 'ERR_MISSING', 'shards[0].shape'],
    ['a shape of three', [{ ...shard, shape: [1, 2, 3] }], 'ERR_SHAPE', 'shards[0].shape'],
    [
      'sequences that go back',
      [{ ...shard, shape: undefined, cuSeqLens: Int32Array.of(0, 7, 6) }],
      'ERR_SHAPE',
      'shards[0].cuSeqLens',
    ],
    [
      'an array too short',
      [shard, { ...shard, oldLogProbs: new Float32Array(5) }],
      'ERR_SHAPE',
      'shards[1].oldLogProbs',
    ],
    [
      'other numbers',
      [{ ...shard, tokens: { logProbs: new Float64Array(6) } }],
      'ERR_TYPE',
      'shards[0].tokens.logProbs',
    ],
    [
      'an input that another shard lacks',
      [{ ...shard, rolloutWeights: new Float32Array(6) }, shard],
      'ERR_MISSING',
      'shards[1].rolloutWeights',
    ],
    [
      'a fact of the whole',
      [{ ...shard, tokenCount: 3 }],
      'ERR_OPTION_WITHOUT_EFFECT',
      'shards[0].tokenCount',
    ],
  ])('%s', (_name, shards, code, argument) => {
    expect(thrownBy(() => joinShards(shards as ShardBatch[]))).toMatchObject({ code, argument });
  });

  test('a shard that there is not, and an array of another batch', () => {
    const joined = joinShards([shard, shard]);
    const twelve = new Float32Array(12);
    expect(joined.part(twelve, 1)).toHaveLength(6);
    expect(thrownBy(() => joined.part(twelve, 2))).toMatchObject({ code: 'ERR_OPTION', argument: 'shard' });
    expect(thrownBy(() => joined.part(new Float32Array(6), 0))).toMatchObject({ code: 'ERR_SHAPE' });
  });

  test.each<[PolicyLossOptions, object, string, string]>([
    [{ objective: '80-20' }, {}, 'ERR_OPTION', 'objective'],
    [{ objective: 'kl-cov' }, {}, 'ERR_OPTION', 'objective'],
    [{ objective: 'clip-cov' }, {}, 'ERR_OPTION', 'objective'],
    [{ objective: 'lp-reg', form: 'reference' }, {}, 'ERR_OPTION', 'form'],
    [{ objective: 'lp-reg' }, {}, 'ERR_MISSING', 'probThreshold'],
    [{ objective: 'grpo' }, { probThreshold: 0.1 }, 'ERR_OPTION_WITHOUT_EFFECT', 'probThreshold'],
  ])('counts for %o', (options, known, code, argument) => {
    const counts = [shardCounts({ shape: [2, 3] })];
    const error = thrownBy(() => wholeBatch(new PolicyLoss(options), counts, known));
    expect(error).toMatchObject({ code, argument });
  });

  test.each<[object, string, string]>([
    [{}, 'ERR_MISSING', 'shard.shape'],
    [{ shape: [2, 3], cuSeqLens: Int32Array.of(0, 6) }, 'ERR_OPTION_WITHOUT_EFFECT', 'shard.cuSeqLens'],
    [{ cuSeqLens: [0, 6] }, 'ERR_TYPE', 'shard.cuSeqLens'],
    [{ shape: [2, 3], mask: [1] }, 'ERR_TYPE', 'shard.mask'],
    [{ shape: [2, 3], mask: new Uint8Array(5) }, 'ERR_SHAPE', 'shard.mask'],
  ])('a layout of %o', (layout, code, argument) => {
    expect(thrownBy(() => shardCounts(layout))).toMatchObject({ code, argument });
  });
});
