/** The addon tells its own objects from any others before it looks at their memory. */
import { describe, expect, test } from 'vitest';
import { PolicyLoss, tokenStatsSync } from '../lib/index.js';
import type { Addon } from '../lib/native/addon-types.js';
import { addon } from '../lib/native/binding.js';
import { contextOf } from '../lib/native/context.js';
import { smallBatch } from './support/small-batch.js';

const TYPE = { status: 2 };
const context = contextOf('cpu').native as unknown;

/** Calls a function of the addon with whatever it is given. */
function call(name: keyof Addon, ...args: unknown[]): { error?: object; value?: unknown } {
  return (addon()[name] as (...args: unknown[]) => object)(...args);
}

const STRANGERS: [string, unknown][] = [
  ['nothing', undefined],
  ['null', null],
  ['a number', 1],
  ['a plain object', {}],
  ['a frozen object', Object.freeze({})],
  ['a proxy of the right object', new Proxy(context as object, {})],
  ['a child of the right object', Object.create(context as object)],
  ['a typed array', new Float32Array(4)],
  ['a function', () => context],
];

describe.each(STRANGERS)('%s in place of a context', (_, stranger) => {
  test.each<[keyof Addon, unknown[]]>([
    ['contextInfo', []],
    ['setThreads', [1]],
    ['run', ['lossForward', {}]],
    ['submit', ['lossForward', {}]],
  ])('%s', (name, rest) => {
    expect(call(name, stranger, ...rest).error).toMatchObject({ ...TYPE, argument: 'context' });
  });
});

/** Arguments of a backward pass that succeeds. */
function backwardArguments() {
  const { logits, actions } = smallBatch();
  const matrix = { data: logits.data, dtype: 0, row_stride: 5, sequence_stride: 0, strided: false };
  const batch = { sequences: 2, tokens: 3, rows: 6, vocab: 5, logits: matrix, actions };
  const options = { temperature: 1 };
  const allocate = (_: string, length: number) => new Uint8Array(length);
  const forward = { allocate, options, batch, outputs: {}, non_finite: 0 };
  const states = call('run', context, 'tokenStats', forward).value;
  const gradient = { ...matrix, data: new Float32Array(30), owned: true };
  return { forward, backward: { options, batch, states, d_log_prob: new Float32Array(6), gradient } };
}

test.each<[string, unknown]>([
  ['nothing', undefined],
  ['a plain object', {}],
  ['an ArrayBuffer', new ArrayBuffer(1000)],
  ['a context', context],
  ['an array of floats', new Float32Array(1000)],
  ['too few bytes', new Uint8Array(10)],
  ['too many bytes', new Uint8Array(10_000)],
])('%s in place of a workspace', (_, states) => {
  const { backward } = backwardArguments();
  expect(call('run', context, 'tokenStatsBackward', backward)).toStrictEqual({ value: undefined });
  const changed = { ...backward, states };
  expect(call('run', context, 'tokenStatsBackward', changed).error).toMatchObject({
    status: expect.any(Number),
  });
});

test.each<[string, unknown]>([
  ['nothing', undefined],
  ['no function', {}],
  ['a function that returns nothing', () => undefined],
  ['a function that returns another length', () => new Uint8Array(3)],
  ['a function that returns another type', (_: string, length: number) => new Int8Array(length)],
])('%s in place of an allocator', (_, allocate) => {
  const { forward } = backwardArguments();
  const changed = { ...forward, allocate };
  expect(call('run', context, 'tokenStats', changed).error).toMatchObject({ argument: 'allocate' });
});

test('what an allocator throws comes through', () => {
  const { forward } = backwardArguments();
  const allocate = () => {
    throw new RangeError('no memory');
  };
  expect(() => call('run', context, 'tokenStats', { ...forward, allocate })).toThrow('no memory');
  expect(() => call('submit', context, 'tokenStats', { ...forward, allocate })).toThrow('no memory');
});

test.each([
  'lossForward',
  'lossBackward',
  'lossForwardBackward',
  'tokenStats',
  'tokenStatsBackward',
  'objective',
  'proxySnapshot',
])('%s with arguments that make no sense fails', (operation) => {
  for (const argument of [undefined, null, 1, {}, { options: {} }, { options: { row: {} }, batch: {} }]) {
    expect(call('run', context, operation, argument).error).toMatchObject({ status: expect.any(Number) });
    expect(call('submit', context, operation, argument).error).toMatchObject({ status: expect.any(Number) });
  }
});

test.each([undefined, null, 1, '', 'forward'])('an operation called %o is unknown', (operation) => {
  expect(call('run', context, operation, {}).error).toMatchObject({ ...TYPE, argument: 'operation' });
});

test('numbers that are none are refused', () => {
  expect(call('createContext', '0', 0).error).toMatchObject({ ...TYPE, argument: 'backend' });
  expect(call('createContext', 0, {}).error).toMatchObject({ ...TYPE, argument: 'threads' });
  expect(call('abort', 'first').error).toMatchObject({ ...TYPE, argument: 'id' });
});

test('aborting a job that does not exist does nothing', () => {
  expect(call('abort', 123456)).toStrictEqual({ value: undefined });
  expect(call('rowsDone', 123456)).toStrictEqual({ value: 0 });
});

test('methods called on something else throw, they do not crash', () => {
  const result = new PolicyLoss({ objective: 'grpo' }).forwardSync(smallBatch());
  const { logits, actions } = smallBatch();
  const stats = tokenStatsSync({ logits, actions });
  for (const method of [
    result.backwardSync,
    stats.backwardSync,
    result.dispose,
    PolicyLoss.prototype.forwardSync,
  ]) {
    expect(() => (method as (...args: unknown[]) => unknown).call({}, {})).toThrow(TypeError);
  }
});
