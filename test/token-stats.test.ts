import { describe, expect, test } from 'vitest';
import { type TokenCotangents, type TokenStatsOptions, tokenStats, tokenStatsSync } from '../lib/index.js';
import { rejectionOf, thrownBy } from './support/errors.js';
import { smallBatch, waves } from './support/small-batch.js';

const { logits, actions } = smallBatch();
const filter = { kind: 'min-p', kappa: 0.1 } as const;
const sevens = Float32Array.of(1, 2, 3, 4, 5, 6, 7);

describe('options that make no sense are refused', () => {
  test.each<[object, string, string]>([
    [{ proxy: 'current' }, 'ERR_MISSING', 'filter'],
    [{ proxy: 'old' }, 'ERR_MISSING', 'filter'],
    [{ proxy: 'stored' }, 'ERR_OPTION', 'proxy'],
    [{ proxy: 'snapshot', filter }, 'ERR_OPTION_WITHOUT_EFFECT', 'filter'],
    [{ temperature: 0 }, 'ERR_OPTION', 'temperature'],
    [{ softcap: '30' }, 'ERR_TYPE', 'softcap'],
    [{ filter: { kind: 'min-p', kappa: 2 } }, 'ERR_OPTION', 'filter.kappa'],
    [{ nonFinite: 'ignore' }, 'ERR_OPTION', 'nonFinite'],
    [{ backend: 'cuda' }, 'ERR_BACKEND_UNAVAILABLE', 'backend'],
    [{ clipLow: 1 }, 'ERR_OPTION_WITHOUT_EFFECT', 'clipLow'],
  ])('%o', async (options, code, argument) => {
    expect(thrownBy(() => tokenStatsSync({ logits }, options as TokenStatsOptions))).toMatchObject({
      code,
      argument,
    });
    expect(await rejectionOf(tokenStats({ logits }, options as TokenStatsOptions))).toMatchObject({ code });
  });
});

describe('inputs that make no sense are refused', () => {
  test.each<[object, object, string, string]>([
    [{ oldLogits: logits }, {}, 'ERR_OPTION_WITHOUT_EFFECT', 'oldLogits'],
    [{}, { filter, proxy: 'old' }, 'ERR_MISSING', 'oldLogits'],
    [{}, { proxy: 'snapshot' }, 'ERR_MISSING', 'proxySnapshot'],
    [{ advantages: waves(6) }, {}, 'ERR_OPTION_WITHOUT_EFFECT', 'advantages'],
    [{ cuSeqLens: Int32Array.of(0, 6) }, {}, 'ERR_OPTION_WITHOUT_EFFECT', 'cuSeqLens'],
  ])('%o', (inputs, options, code, argument) => {
    const call = () => tokenStatsSync({ logits, actions, ...inputs }, options as TokenStatsOptions);
    expect(thrownBy(call)).toMatchObject({ code, argument });
  });
});

describe('cotangents that make no sense are refused', () => {
  test.each<[object, object, object, string, string]>([
    [{}, {}, { dLogProbs: waves(6) }, 'ERR_MISSING', 'actions'],
    [{ actions }, {}, { dKl: waves(6) }, 'ERR_OPTION_WITHOUT_EFFECT', 'dKl'],
    [{ actions }, {}, { dLogProbs: sevens }, 'ERR_SHAPE', 'dLogProbs'],
    [{ actions }, {}, { dEntropy: new Float64Array(6) }, 'ERR_TYPE', 'dEntropy'],
    [{ actions }, {}, { dEntropy: new Float32Array(6).fill(NaN) }, 'ERR_NON_FINITE_INPUT', 'dEntropy'],
    [{ actions }, {}, { dLogProb: waves(6) }, 'ERR_OPTION_WITHOUT_EFFECT', 'dLogProb'],
  ])('%o, %o: %o', (inputs, options, cotangents, code, argument) => {
    const stats = tokenStatsSync({ logits, ...inputs }, options);
    expect(thrownBy(() => stats.backwardSync(cotangents as TokenCotangents))).toMatchObject({
      code,
      argument,
    });
  });
});

test('rows of [N, V] need no sequences, and are those of [B, T, V]', () => {
  const flat = { ...logits, shape: [6, 5] };
  expect(tokenStatsSync({ logits: flat, actions }).tokens).toStrictEqual(
    tokenStatsSync({ logits, actions }).tokens,
  );
});

test('no cotangents give a gradient of zeros', () => {
  const { data } = tokenStatsSync({ logits, actions }).backwardSync({});
  expect(data).toStrictEqual(new Float32Array(30));
});

test('nonFinite: propagate gives NaN in the row that is not finite, and nowhere else', () => {
  const data = logits.data.slice().fill(NaN, 5, 6);
  const stats = tokenStatsSync({ logits: { ...logits, data }, actions }, { nonFinite: 'propagate' });
  expect([...stats.tokens.entropy].map(Number.isNaN)).toStrictEqual([
    false,
    true,
    false,
    false,
    false,
    false,
  ]);
  const gradient = stats.backwardSync({ dEntropy: new Float32Array(6).fill(1) }).data as Float32Array;
  expect([...gradient].findIndex(Number.isNaN)).toBe(5);
  expect([...gradient].findLastIndex(Number.isNaN)).toBe(9);
});
