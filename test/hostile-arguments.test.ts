/** Anything at all in any place of a call: a typed error or a result, never a crash, and nothing half done. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  LpRegError,
  PolicyLoss,
  type PolicyLossBatch,
  type PolicyLossOptions,
  proxySnapshot,
  proxySnapshotSync,
  type Tensor,
  tokenStats,
  tokenStatsSync,
} from '../lib/index.js';
import { checkProperty } from './support/properties.js';
import { type SmallBatch, smallBatch } from './support/small-batch.js';

const OPTIONS: PolicyLossOptions[] = [
  { objective: 'grpo', entropyCoef: 0.01 },
  { objective: 'lp-reg', rho: 0.5 },
  { objective: 'lp-reg', form: 'reference', rhoNeg: 0.5 },
  { objective: 'lp-reg', form: 'kept', filter: { kind: 'fixed', tau: 0.1, empty: 'uniform' } },
  { objective: 'kl-cov', kPercent: 20 },
  { objective: 'clip-cov', clipCovRatio: 0.3, covLow: -1 },
  { objective: 'gspo' },
  { objective: '80-20' },
];

/** What a call is given; each part is a plain object that may be spoilt anywhere. */
interface Given {
  options: Record<string, unknown>;
  batch: Record<string, unknown>;
  into: Record<string, unknown>;
  call: Record<string, unknown>;
}

/** The entry points, over one and the same `Given`. */
const CALLS: Record<string, (given: Given) => Promise<unknown>> = {
  forward: async ({ options, batch, call }) => new PolicyLoss(as(options)).forwardSync(as(batch), as(call)),
  'forward and backward': async ({ options, batch, into }) =>
    new PolicyLoss(as(options)).forwardSync(as(batch)).backwardSync({ into: as<Tensor>(into) }),
  'forward and backward, as jobs': async ({ options, batch, into }) => {
    const result = await new PolicyLoss(as(options)).forward(as(batch));
    return result.backward({ into: as<Tensor>(into) });
  },
  forwardBackward: async ({ options, batch, into, call }) =>
    new PolicyLoss(as(options)).forwardBackwardSync(as(batch), { ...call, into: as<Tensor>(into) }),
  'in place': async ({ options, batch, call }) =>
    new PolicyLoss(as(options)).forwardBackwardSync(as(batch), { ...call, into: as<Tensor>(batch.logits) }),
  'in place, as a job': ({ options, batch, call }) =>
    new PolicyLoss(as(options)).forwardBackward(as(batch), { ...call, into: as<Tensor>(batch.logits) }),
  tokenStats: async ({ batch, options, into }) => {
    const { filter } = as<{ filter: undefined }>(options);
    return tokenStatsSync(actionsOf(batch), { filter }).backwardSync({
      dLogProbs: as<Float32Array>(batch.advantages),
      into: as<Tensor>(into),
    });
  },
  'tokenStats, as jobs': async ({ batch, options, into }) => {
    const { filter } = as<{ filter: undefined }>(options);
    const stats = await tokenStats(actionsOf(batch), { filter });
    return stats.backward({ dLogProbs: as<Float32Array>(batch.advantages), into: as<Tensor>(into) });
  },
  proxySnapshot: async ({ batch, options }) => {
    const { filter } = as<{ filter: undefined }>(options);
    return proxySnapshotSync(as<Tensor>(batch.logits), { filter: filter ?? { kind: 'min-p', kappa: 0.1 } });
  },
  'proxySnapshot, as a job': async ({ batch, options }) => {
    const { filter } = as<{ filter: undefined }>(options);
    return proxySnapshot(as<Tensor>(batch.logits), { filter: filter ?? { kind: 'min-p', kappa: 0.1 } });
  },
  objective: async ({ options, batch }) => {
    const { logits: _, actions: __, ...rest } = batch;
    const tokens = { logProbs: as<Float32Array>(batch.oldLogProbs) };
    return new PolicyLoss(as(options)).objectiveSync({ ...as<PolicyLossBatch>(rest), tokens, shape: [2, 3] });
  },
};

function actionsOf({ logits, actions }: Given['batch']) {
  return { logits: as<Tensor>(logits), actions: as<Int32Array>(actions) };
}

function as<T = never>(value: unknown): T {
  return value as T;
}

const PLACES = [
  ...[
    'objective',
    'form',
    'rho',
    'rhoNeg',
    'beta',
    'filter',
    'proxy',
    'clipLow',
    'clipHigh',
    'dualClip',
    'temperature',
  ],
  ...[
    'softcap',
    'aggregation',
    'entropyCoef',
    'refCoef',
    'nonFinite',
    'checkFirst',
    'seed',
    'estimator',
    'selectOn',
  ],
].map((name) => ['options', name] as const);
const BATCH_PLACES = [
  ...[
    'logits',
    'actions',
    'oldLogProbs',
    'advantages',
    'mask',
    'refLogProbs',
    'rolloutWeights',
    'proxyLogProbs',
  ],
  ...[
    'chosen',
    'oldLogits',
    'tokenCount',
    'sequenceCount',
    'maxLength',
    'sequenceLengths',
    'cuSeqLens',
    'probThreshold',
  ],
].map((name) => ['batch', name] as const);
const TENSOR_PLACES = (['batch', 'into'] as const).flatMap((part) =>
  ['data', 'dtype', 'shape', 'strides', 'offset'].map((name) => [part, 'logits', name] as const),
);
const CALL_PLACES = ['outputs', 'gradOutput', 'dtype', 'onProgress', 'keep'].map(
  (name) => ['call', name] as const,
);

const numbers = fc.oneof(
  fc.constantFrom(
    0,
    -0,
    1,
    -1,
    0.5,
    2,
    3,
    5,
    NaN,
    Infinity,
    -Infinity,
    2 ** 31,
    2 ** 32,
    2 ** 53,
    1e308,
    1e-320,
  ),
  fc.double(),
);
const arrays = fc.oneof(
  fc.float32Array({ maxLength: 32 }),
  fc.int32Array({ maxLength: 8 }),
  fc.uint8Array({ maxLength: 8, max: 2 }),
  fc.bigInt64Array({ maxLength: 8 }),
  fc.float64Array({ maxLength: 8 }),
  fc.uint16Array({ minLength: 30, maxLength: 30 }),
  fc.array(numbers, { maxLength: 4 }),
);
const strings = fc.constantFrom(
  '',
  'grpo',
  'paper',
  'kept',
  'current',
  'old',
  'stored',
  'float16',
  'propagate',
  '__proto__',
);
const anything = fc.oneof(
  numbers,
  arrays,
  strings,
  fc.constantFrom(undefined, null, true, false, Symbol('s'), 5n, Object.create(null), new Map(), () => 1),
  fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withNullPrototype: true,
    withTypedArray: true,
  }),
);

const change = fc.record({
  place: fc.constantFrom(...PLACES, ...BATCH_PLACES, ...TENSOR_PLACES, ...CALL_PLACES),
  value: anything,
});

function given(options: PolicyLossOptions, { logits, ...batch }: SmallBatch): Given {
  const into = { ...logits, data: new Float32Array(30).fill(7) };
  return { options: { ...options }, batch: { logits: { ...logits }, ...batch }, into, call: {} };
}

/** Sets a value at a place; `into` stands for its own tensor. */
function spoil(target: Given, [part, name, field]: readonly string[], value: unknown): void {
  const holder = target[part as keyof Given];
  if (field === undefined) holder[name as string] = value;
  else if (part === 'into') holder[field] = value;
  else holder[name as string] = { ...(holder[name as string] as object), [field]: value };
}

test('anything in any place: an LpRegError that says what is wrong, or a result', async () => {
  const outcomes = { results: 0, errors: 0 };
  const property = fc.asyncProperty(
    fc.constantFrom(...Object.keys(CALLS)),
    fc.constantFrom(...OPTIONS),
    fc.array(change, { minLength: 1, maxLength: 3 }),
    async (call, options, changes) => {
      const batch = smallBatch();
      const target = given(options, batch);
      for (const { place, value } of changes) spoil(target, place, value);
      const logits = batch.logits.data.slice();
      try {
        await CALLS[call]?.(target);
        outcomes.results++;
      } catch (error) {
        outcomes.errors++;
        expect(error).toBeInstanceOf(LpRegError);
        const { code, message, status } = error as LpRegError;
        expect(code).not.toBe('ERR_INTERNAL');
        expect(message).not.toBe('');
        if (status === 'untouched') expect(batch.logits.data).toEqual(logits);
      }
    },
  );
  await checkProperty('hostile arguments', property, { runs: 3000 });
  expect(outcomes.errors).toBeGreaterThan(100);
  expect(outcomes.results).toBeGreaterThan(100);
});
