import { describe, expect, test } from 'vitest';
import {
  PolicyLoss,
  type ProxySnapshot,
  type ProxySnapshotOptions,
  proxySnapshot,
  proxySnapshotSync,
  tokenStatsSync,
} from '../lib/index.js';
import { rejectionOf, thrownBy } from './support/errors.js';
import { smallBatch, waves } from './support/small-batch.js';

const FILTER = { kind: 'min-p', kappa: 0.3 } as const;
const lpReg = new PolicyLoss({ objective: 'lp-reg', proxy: 'snapshot' });
const batch = smallBatch();

function snapshot(): ProxySnapshot {
  return proxySnapshotSync(batch.logits, { filter: FILTER });
}

test('a snapshot holds what its description says', async () => {
  const taken = await proxySnapshot(batch.logits, { filter: FILTER });
  expect(taken).toStrictEqual(snapshot());
  expect(taken).toMatchObject({ rows: 6, vocab: 5, temperature: 1 });
  expect(taken.rowPtr).toHaveLength(7);
  expect(taken.ids).toHaveLength(Number(taken.rowPtr[6]));
  const { keepCount, logKeptMass } = tokenStatsSync(
    { logits: batch.logits, actions: batch.actions },
    {
      filter: FILTER,
      outputs: ['keepCount', 'logKeptMass'],
    },
  ).tokens;
  expect(taken.logKeptMass).toStrictEqual(logKeptMass);
  for (let row = 0; row < 6; row++) {
    const [begin, end] = [Number(taken.rowPtr[row]), Number(taken.rowPtr[row + 1])];
    expect(end - begin).toBe(keepCount[row]);
    expect(taken.logQ.slice(begin, end).reduce((sum, logQ) => sum + Math.exp(logQ), 0)).toBeCloseTo(1, 6);
  }
});

test('masked rows have no proxy, and are not read', () => {
  const logits = { ...batch.logits, data: batch.logits.data.slice().fill(NaN, 5, 10) };
  const mask = Uint8Array.of(1, 0, 1, 1, 1, 1);
  const taken = proxySnapshotSync(logits, { filter: FILTER, mask });
  expect(taken.rowPtr[2]).toBe(taken.rowPtr[1]);
});

test('a copy that went to a worker and back is as good', () => {
  const expected = lpReg.forwardSync({ ...batch, proxySnapshot: snapshot() });
  expect(lpReg.forwardSync({ ...batch, proxySnapshot: structuredClone(snapshot()) }).loss).toBe(
    expected.loss,
  );
});

test('more kept tokens than maxEntries are an error that says how many', async () => {
  const options = { filter: { kind: 'min-p', kappa: 0 }, maxEntries: 29 } as const;
  const error = thrownBy(() => proxySnapshotSync(batch.logits, options));
  expect(error).toMatchObject({
    code: 'ERR_SNAPSHOT_TOO_LARGE',
    argument: 'maxEntries',
    status: 'untouched',
  });
  expect(error.message).toContain('30');
  expect(await rejectionOf(proxySnapshot(batch.logits, options))).toMatchObject({
    code: 'ERR_SNAPSHOT_TOO_LARGE',
  });
  expect(proxySnapshotSync(batch.logits, { ...options, maxEntries: 30 }).ids).toHaveLength(30);
});

test.each<[string, object, string, string]>([
  ['no filter', {}, 'ERR_MISSING', 'filter'],
  ['an unknown option', { filter: FILTER, kapa: 1 }, 'ERR_OPTION_WITHOUT_EFFECT', 'kapa'],
  ['a fraction of entries', { filter: FILTER, maxEntries: 0.5 }, 'ERR_OPTION', 'maxEntries'],
  ['a temperature of 0', { filter: FILTER, temperature: 0 }, 'ERR_OPTION', 'temperature'],
  ['a mask of another length', { filter: FILTER, mask: new Uint8Array(5) }, 'ERR_SHAPE', 'mask'],
])('%s is refused', (_, options, code, argument) => {
  const call = () => proxySnapshotSync(batch.logits, options as ProxySnapshotOptions);
  expect(thrownBy(call)).toMatchObject({ code, argument });
});

describe('a snapshot that does not belong to the batch is refused', () => {
  const good = snapshot();
  const end = good.ids.length;
  test.each<[string, object, string]>([
    ['of other rows', { rows: 7 }, 'ERR_SHAPE'],
    ['of another vocabulary', { vocab: 6 }, 'ERR_SHAPE'],
    ['of another temperature', { temperature: 0.5 }, 'ERR_OPTION'],
    ['without ids', { ids: undefined }, 'ERR_TYPE'],
    ['without rowPtr', { rowPtr: undefined }, 'ERR_MISSING'],
    ['with 32-bit rowPtr', { rowPtr: new Int32Array(7) }, 'ERR_TYPE'],
    ['with short rowPtr', { rowPtr: good.rowPtr.slice(1) }, 'ERR_SHAPE'],
    ['with rowPtr from 1', { rowPtr: good.rowPtr.map((value) => value + 1n) }, 'ERR_SHAPE'],
    ['with rowPtr beyond its entries', { rowPtr: good.rowPtr.with(6, BigInt(end + 1)) }, 'ERR_SHAPE'],
    ['with rowPtr that descend', { rowPtr: good.rowPtr.with(1, -5n) }, 'ERR_SHAPE'],
    ['with an id of V', { ids: good.ids.with(end - 1, 5) }, 'ERR_SHAPE'],
    ['with a negative id', { ids: good.ids.with(0, -1) }, 'ERR_SHAPE'],
    ['with ids that repeat', { ids: good.ids.map(() => 0) }, 'ERR_SHAPE'],
    ['with a probability above 1', { logQ: good.logQ.with(0, 0.5) }, 'ERR_SHAPE'],
    ['with NaN', { logQ: good.logQ.with(0, NaN) }, 'ERR_SHAPE'],
    ['with short logQ', { logQ: good.logQ.slice(1) }, 'ERR_SHAPE'],
    ['with short logKeptMass', { logKeptMass: waves(5) }, 'ERR_SHAPE'],
    ['with long uniform', { uniform: new Uint8Array(7) }, 'ERR_SHAPE'],
    ['with an unknown field', { filter: FILTER }, 'ERR_OPTION_WITHOUT_EFFECT'],
  ])('%s', (_, change, code) => {
    const changed = { ...batch, proxySnapshot: { ...good, ...change } as ProxySnapshot };
    const error = thrownBy(() => lpReg.forwardSync(changed));
    expect(error.code).toBe(code);
    expect(error.argument).toMatch(/^proxySnapshot/);
  });
});
