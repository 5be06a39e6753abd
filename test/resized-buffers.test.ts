/** Buffers that shrink, grow or move while a job runs: resizable ones, growable shared ones, WebAssembly memory. */
import { describe, expect, test } from 'vitest';
import { PolicyLoss, type PolicyLossBatch, proxySnapshot, tokenStats, tokenStatsSync } from '../lib/index.js';
import { rejectionOf, thrownBy } from './support/errors.js';
import { type SmallBatch, smallBatch } from './support/small-batch.js';

type Resizable = ArrayBuffer & { resize(bytes: number): void };
type Growable = SharedArrayBuffer & { grow(bytes: number): void };
type WithMaximum<Buffer> = new (bytes: number, options: { maxByteLength: number }) => Buffer;

const lpReg = new PolicyLoss({ objective: 'lp-reg', rho: 0.5 });
const large = () => smallBatch(4, 32, 200);

/** A typed array's twin over a resizable buffer. */
function resizable<T extends Float32Array | Int32Array | Uint8Array>(view: T): T & { buffer: Resizable } {
  const { byteLength } = view;
  const buffer = new (ArrayBuffer as unknown as WithMaximum<Resizable>)(byteLength, {
    maxByteLength: 2 * byteLength,
  });
  const Type = view.constructor as new (buffer: ArrayBuffer, offset?: number, length?: number) => T;
  const twin = new Type(buffer, 0, view.length);
  twin.set(view as never);
  return twin as T & { buffer: Resizable };
}

function resizableBatch(batch: SmallBatch) {
  return {
    logits: { ...batch.logits, data: resizable(batch.logits.data) },
    actions: resizable(batch.actions as Int32Array),
    oldLogProbs: resizable(batch.oldLogProbs),
    advantages: resizable(batch.advantages),
    mask: resizable(batch.mask as Uint8Array),
  } satisfies PolicyLossBatch;
}

/** Takes the memory of every array away. */
function shrink({ logits, ...arrays }: ReturnType<typeof resizableBatch>): void {
  for (const { buffer } of [logits.data, ...Object.values(arrays)]) buffer.resize(0);
}

describe('resizable buffers', () => {
  test('a batch in them gives what any batch gives', async () => {
    const expected = lpReg.forwardBackwardSync(smallBatch());
    expect(lpReg.forwardBackwardSync(resizableBatch(smallBatch()))).toStrictEqual(expected);
    expect(await lpReg.forwardBackward(resizableBatch(smallBatch()))).toStrictEqual(expected);
  });

  const statsOf = ({ logits, actions }: SmallBatch) => tokenStatsSync({ logits, actions });

  test('that shrink to nothing during jobs do not disturb them', async () => {
    const expected = lpReg.forwardBackwardSync(large());
    const { tokens } = statsOf(large());
    const batch = resizableBatch(large());
    const { logits, actions, mask } = batch;
    const filter = { kind: 'min-p', kappa: 0.1 } as const;
    const jobs = [
      lpReg.forwardBackward(batch),
      tokenStats({ logits, actions, mask }),
      proxySnapshot(logits, { filter }),
    ];
    shrink(batch);
    const [both, stats] = (await Promise.all(jobs)) as (typeof expected)[];
    expect(both).toStrictEqual(expected);
    expect(stats?.tokens.logProbs).toStrictEqual(tokens.logProbs);
  });

  test('that have shrunk since the forward pass have no backward pass', async () => {
    const batch = resizableBatch(smallBatch());
    const result = await lpReg.forward(batch);
    batch.logits.data.buffer.resize(64);
    const error = { code: 'ERR_SHAPE', argument: 'logits', status: 'untouched' };
    expect(thrownBy(() => result.backwardSync())).toMatchObject(error);
    expect(await rejectionOf(result.backward())).toMatchObject(error);
  });

  test.each([0, 64])(
    'that shrink to %i bytes during an in-place job cannot take the gradient',
    async (bytes) => {
      const batch = resizableBatch(large());
      const promise = lpReg.forwardBackward(batch, { into: batch.logits });
      batch.logits.data.buffer.resize(bytes);
      expect(await rejectionOf(promise)).toMatchObject({ code: 'ERR_DETACHED', argument: 'into' });
    },
  );

  test('that grow during an in-place job take it where the tensor is', async () => {
    const expected = lpReg.forwardBackwardSync(large()).gradLogits.data;
    const batch = resizableBatch(large());
    const promise = lpReg.forwardBackward(batch, { into: batch.logits });
    batch.logits.data.buffer.resize(2 * batch.logits.data.byteLength);
    expect(Float32Array.from((await promise).gradLogits.data)).toStrictEqual(expected);
  });
});

test('a shared buffer that grows during an in-place job keeps its gradient', async () => {
  const expected = lpReg.forwardBackwardSync(large()).gradLogits.data;
  const { logits, ...batch } = large();
  const { byteLength, length } = logits.data;
  const buffer = new (SharedArrayBuffer as unknown as WithMaximum<Growable>)(byteLength, {
    maxByteLength: 4 * byteLength,
  });
  const data = new Float32Array(buffer, 0, length);
  data.set(logits.data);
  const shared = { ...logits, data };
  const promise = lpReg.forwardBackward({ ...batch, logits: shared }, { into: shared });
  buffer.grow(4 * byteLength);
  await promise;
  expect(Float32Array.from(data)).toStrictEqual(expected);
});

test('an array that follows its growing buffer has no longer the shape of the tensor', () => {
  const { logits, ...batch } = smallBatch();
  const { byteLength } = logits.data;
  const buffer = new (SharedArrayBuffer as unknown as WithMaximum<Growable>)(byteLength, {
    maxByteLength: 2 * byteLength,
  });
  const data = new Float32Array(buffer);
  data.set(logits.data);
  const result = lpReg.forwardSync({ ...batch, logits: { ...logits, data } });
  buffer.grow(2 * byteLength);
  expect(thrownBy(() => result.backwardSync())).toMatchObject({ code: 'ERR_SHAPE', argument: 'logits' });
});

const { Memory } = Reflect.get(globalThis, 'WebAssembly') as {
  Memory: new (sizes: {
    initial: number;
    maximum: number;
    shared: boolean;
  }) => {
    readonly buffer: ArrayBufferLike;
    grow(pages: number): number;
  };
};

describe('WebAssembly memory, whose buffer is detached when it grows', () => {
  function inWebAssembly(batch: SmallBatch, shared: boolean) {
    const pages = Math.ceil(batch.logits.data.byteLength / 65536);
    const memory = new Memory({ initial: pages, maximum: pages + 8, shared });
    const data = new Float32Array(memory.buffer as ArrayBuffer, 0, batch.logits.data.length);
    data.set(batch.logits.data);
    return { memory, batch: { ...batch, logits: { ...batch.logits, data } } };
  }

  test('logits that move during a job do not disturb it, but cannot take its gradient', async () => {
    const { memory, batch } = inWebAssembly(large(), false);
    const [apart, inPlace] = [
      lpReg.forwardBackward(batch),
      lpReg.forwardBackward(batch, { into: batch.logits }),
    ];
    memory.grow(4);
    expect((await apart).gradLogits).toStrictEqual(lpReg.forwardBackwardSync(large()).gradLogits);
    expect(await rejectionOf(inPlace)).toMatchObject({ code: 'ERR_DETACHED', argument: 'into' });
    expect(thrownBy(() => lpReg.forwardSync(batch))).toMatchObject({
      code: 'ERR_DETACHED',
      argument: 'logits',
    });
  });

  test('shared memory stays where it is', async () => {
    const { memory, batch } = inWebAssembly(large(), true);
    const promise = lpReg.forwardBackward(batch, { into: batch.logits });
    memory.grow(4);
    await promise;
    expect(Float32Array.from(batch.logits.data)).toStrictEqual(
      lpReg.forwardBackwardSync(large()).gradLogits.data,
    );
  });
});
