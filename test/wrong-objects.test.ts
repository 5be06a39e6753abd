/** The addon tells its own objects from any others before it looks at their memory. */
import { describe, expect, test } from 'vitest';
import { PolicyLoss, tokenStatsSync } from '../lib/index.js';
import type { Addon, NativeJob, OperationName } from '../lib/native/addon-types.js';
import { type ArgumentName, AT, noArguments } from '../lib/native/arguments.js';
import { addon } from '../lib/native/binding.js';
import { contextOf } from '../lib/native/context.js';
import { OPERATION_ORDER } from '../lib/native/names.js';
import { SCALAR_COUNT } from '../lib/native/result-memory.js';
import { smallBatch } from './support/small-batch.js';

const TYPE = { status: 2 };
const context = contextOf({ backend: 'cpu' }).native;

/** Calls a function of the addon with whatever it is given. */
function call(name: keyof Addon, ...args: unknown[]): unknown {
  return (addon()[name] as (...args: unknown[]) => unknown)(...args);
}

/** What a call of the addon throws, or its promise rejects with. */
async function failureOf(name: keyof Addon, ...args: unknown[]): Promise<unknown> {
  try {
    await (call(name, ...args) as NativeJob | undefined)?.promise;
  } catch (thrown) {
    return thrown;
  }
  throw new Error(`${name} did not fail`);
}

const operation = (name: OperationName) => OPERATION_ORDER.indexOf(name);

/** Arguments of an operation by their names. */
function positioned(named: Partial<Record<ArgumentName, unknown>>): unknown[] {
  const values = noArguments();
  for (const [name, value] of Object.entries(named)) values[AT[name as ArgumentName]] = value;
  return values;
}

const STRANGERS: [string, unknown][] = [
  ['nothing', undefined],
  ['null', null],
  ['a negative number', -1],
  ['half a number', 0.5],
  ['NaN', NaN],
  ['a number that no context has', 1e9],
  ['the number as a string', String(context)],
  ['the number as a bigint', BigInt(context)],
  ['an object that converts to the number', { valueOf: () => context }],
  ['a typed array', new Float32Array(4)],
];

describe.each(STRANGERS)('%s in place of a context', (_, stranger) => {
  test.each<[keyof Addon, unknown[]]>([
    ['contextInfo', []],
    ['setThreads', [1]],
    ['run', [0]],
    ['submit', [0]],
  ])('%s', async (name, rest) => {
    expect(await failureOf(name, stranger, ...rest)).toMatchObject({ ...TYPE, argument: 'context' });
  });
});

/** Arguments of a backward pass that succeeds. */
function backwardArguments() {
  const { logits, actions } = smallBatch();
  const batch = {
    options: Float64Array.of(1, 0, 0, 0, 0, 0, 0),
    sequences: 2,
    tokens: 3,
    rows: 6,
    vocab: 5,
    logits: logits.data,
    logits_dtype: 0,
    logits_row_stride: 5,
    logits_sequence_stride: 0,
    logits_strided: false,
    actions,
  };
  const allocate = (_: string, length: number) => new Uint8Array(length);
  const forward = { ...batch, allocate, outputs: 0, results: new Float64Array(SCALAR_COUNT), non_finite: 0 };
  const backward = {
    ...batch,
    workspace: call('run', context, operation('tokenStats'), ...positioned(forward)),
    d_log_prob: new Float32Array(6),
    gradient: new Float32Array(30),
    gradient_dtype: 0,
    gradient_row_stride: 5,
    gradient_sequence_stride: 0,
    gradient_owned: true,
  };
  return { forward, backward };
}

test.each<[string, unknown]>([
  ['nothing', undefined],
  ['a plain object', {}],
  ['an ArrayBuffer', new ArrayBuffer(1000)],
  ['a context', context],
  ['an array of floats', new Float32Array(1000)],
  ['too few bytes', new Uint8Array(10)],
  ['too many bytes', new Uint8Array(10_000)],
])('%s in place of a workspace', async (_, workspace) => {
  const { backward } = backwardArguments();
  const name = operation('tokenStatsBackward');
  expect(call('run', context, name, ...positioned(backward))).toBeUndefined();
  const changed = positioned({ ...backward, workspace });
  expect(await failureOf('run', context, name, ...changed)).toMatchObject({ status: expect.any(Number) });
});

test.each<[string, unknown]>([
  ['nothing', undefined],
  ['no function', {}],
  ['a function that returns nothing', () => undefined],
  ['a function that returns another length', () => new Uint8Array(3)],
  ['a function that returns another type', (_: string, length: number) => new Int8Array(length)],
])('%s in place of an allocator', async (_, allocate) => {
  const changed = positioned({ ...backwardArguments().forward, allocate });
  const failure = await failureOf('run', context, operation('tokenStats'), ...changed);
  expect(failure).toMatchObject({ argument: 'allocate' });
});

test('what an allocator throws comes through', () => {
  const allocate = () => {
    throw new RangeError('no memory');
  };
  const changed = positioned({ ...backwardArguments().forward, allocate });
  for (const name of ['run', 'submit'] as const) {
    expect(() => call(name, context, operation('tokenStats'), ...changed)).toThrow('no memory');
  }
});

test.each<[string, unknown]>([
  ['nothing', undefined],
  ['a plain object', {}],
  ['no room for the scalars', new Float64Array(SCALAR_COUNT - 1)],
  ['another type', new Float32Array(1000)],
])('%s in place of memory for results', async (_, results) => {
  const changed = positioned({ ...backwardArguments().forward, results });
  const failure = await failureOf('run', context, operation('tokenStats'), ...changed);
  expect(failure).toMatchObject({ argument: 'results' });
});

test.each<[string, unknown]>([
  ['nothing', undefined],
  ['a bit behind the last field', 1 << 17],
  ['a negative number', -1],
  ['a field without room for it', 1],
])('%s in place of the requested outputs', async (_, outputs) => {
  const changed = positioned({ ...backwardArguments().forward, outputs });
  const failure = await failureOf('run', context, operation('tokenStats'), ...changed);
  expect(failure).toMatchObject({ status: expect.any(Number) });
});

test.each(OPERATION_ORDER)('%s with arguments that make no sense fails', async (name) => {
  const nonsense = [[], [undefined], [null], [1], [{}], positioned({ options: new Float64Array(34) })];
  for (const values of nonsense) {
    for (const run of ['run', 'submit'] as const) {
      expect(await failureOf(run, context, operation(name), ...values)).toMatchObject({
        status: expect.any(Number),
      });
    }
  }
});

test.each([undefined, null, -1, 0.5, 7, '0', 'lossForward'])(
  'an operation called %o is unknown',
  async (name) => {
    expect(await failureOf('run', context, name)).toMatchObject({ ...TYPE, argument: 'operation' });
  },
);

test('numbers that are none are refused', async () => {
  expect(await failureOf('createContext', '0', 0, 0, 0)).toMatchObject({ ...TYPE, argument: 'backend' });
  expect(await failureOf('createContext', 0, {}, 0, 0)).toMatchObject({ ...TYPE, argument: 'threads' });
  expect(await failureOf('abort', 'first')).toMatchObject({ ...TYPE, argument: 'id' });
});

test('aborting a job that does not exist does nothing', () => {
  expect(call('abort', 123456)).toBeUndefined();
  expect(call('rowsDone', 123456)).toBe(0);
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
