/** Objects that refuse to be changed, answer for others, or act while they are read. */
import { expect, test, vi } from 'vitest';
import { LpRegError, PolicyLoss, type PolicyLossBatch, tokenStatsSync } from '../lib/index.js';
import { smallBatch } from './support/small-batch.js';

const OPTIONS = { objective: 'lp-reg', filter: { kind: 'min-p', kappa: 0.1 }, entropyCoef: 0.01 } as const;

/** Freezes an object and all that it holds, except typed arrays, which JavaScript does not freeze. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}

/** What a call gives: its result or its error. */
function outcomeOf(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return error;
  }
}

const expected = new PolicyLoss(OPTIONS).forwardBackwardSync(smallBatch());

test('frozen options, batches, tensors and call options are used as they are', async () => {
  const policyLoss = Object.freeze(new PolicyLoss(deepFreeze(structuredClone(OPTIONS))));
  const batch = deepFreeze(smallBatch());
  const into = deepFreeze({ ...batch.logits, data: new Float32Array(30) });
  const call = deepFreeze({ into, outputs: ['logProbs'] as const });
  for (const result of [
    policyLoss.forwardBackwardSync(batch, call),
    await policyLoss.forwardBackward(batch, call),
  ]) {
    expect(result.loss).toBe(expected.loss);
    expect(result.gradLogits).toBe(into);
    expect(into.data).toEqual(expected.gradLogits.data);
  }
  const { logits, actions } = batch;
  expect(tokenStatsSync(deepFreeze({ logits, actions })).tokens.logProbs).toEqual(expected.tokens.logProbs);
});

test('a Proxy of a batch is read like the batch; a revoked one throws', () => {
  const policyLoss = new PolicyLoss(OPTIONS);
  const { proxy, revoke } = Proxy.revocable(smallBatch(), {});
  expect(policyLoss.forwardBackwardSync(proxy).loss).toBe(expected.loss);
  revoke();
  expect(() => policyLoss.forwardBackwardSync(proxy)).toThrow(TypeError);
});

test('a Proxy of a typed array is no typed array', () => {
  const batch = smallBatch();
  const oldLogProbs = new Proxy(batch.oldLogProbs, {});
  const error = outcomeOf(() => new PolicyLoss(OPTIONS).forwardSync({ ...batch, oldLogProbs }));
  expect(error).toMatchObject({ code: 'ERR_TYPE', argument: 'oldLogProbs' });
});

test('what a getter throws comes through, and the next call works', () => {
  const policyLoss = new PolicyLoss(OPTIONS);
  const thrown = new Error('no advantages today');
  const batch = Object.defineProperty({ ...smallBatch() }, 'advantages', {
    enumerable: true,
    get: () => {
      throw thrown;
    },
  });
  expect(outcomeOf(() => policyLoss.forwardSync(batch))).toBe(thrown);
  expect(policyLoss.forwardSync(smallBatch()).loss).toBe(expected.loss);
});

test.each(['logits', 'actions', 'oldLogProbs', 'advantages', 'mask'] as const)(
  'a getter that detaches %s while the batch is read: a typed error, or the result',
  (detached) => {
    for (const trigger of ['actions', 'advantages', 'mask'] as const) {
      const batch = { ...smallBatch(), mask: new Uint8Array(6).fill(1) };
      const { [trigger]: value } = batch;
      const victim = detached === 'logits' ? batch.logits.data : batch[detached];
      const spoilt = Object.defineProperty({ ...batch }, trigger, {
        enumerable: true,
        get: () => {
          const { buffer } = victim as Float32Array;
          if (buffer.byteLength > 0) structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
          return value;
        },
      }) as PolicyLossBatch;
      const outcome = outcomeOf(() => new PolicyLoss(OPTIONS).forwardBackwardSync(spoilt));
      if (outcome instanceof LpRegError) {
        expect(outcome.status).toBe('untouched');
        expect(['ERR_SHAPE', 'ERR_TYPE', 'ERR_DETACHED']).toContain(outcome.code);
      } else {
        expect(outcome).toHaveProperty('loss', expected.loss);
      }
    }
  },
);

test('sizes that are objects are refused, not asked for a number', () => {
  const { logits, ...batch } = smallBatch();
  const asNumber = vi.fn(() => 2);
  const size = { valueOf: asNumber };
  const shape = [size, 3, 5] as unknown as number[];
  const error = outcomeOf(() =>
    new PolicyLoss(OPTIONS).forwardSync({ ...batch, logits: { ...logits, shape } }),
  );
  expect(error).toMatchObject({ code: 'ERR_SHAPE', argument: 'logits' });
  expect(asNumber).not.toHaveBeenCalled();
});
