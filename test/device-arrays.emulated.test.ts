/** Device memory in the API: its life, its errors, and calls over it. */
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import {
  DeviceArray,
  type DeviceTensor,
  inspect,
  LpRegError,
  PolicyLoss,
  tokenStats,
  tokenStatsSync,
} from '../lib/index.js';
import { batchOnDevice, describeOnDevice, onDevice } from './support/emulated-device.js';
import { rejectionOf, thrownBy } from './support/errors.js';
import { smallBatch, waves } from './support/small-batch.js';

/** A small batch, of which only the logits are on the device. */
function mixedBatch(...shape: [number?, number?, number?]) {
  const { logits, actions, oldLogProbs, advantages, mask } = smallBatch(...shape);
  const moved: DeviceTensor = { ...logits, data: onDevice(logits.data) };
  return { logits: moved, actions, oldLogProbs, advantages, mask };
}

function hostData({ data }: DeviceTensor): unknown {
  return (data as DeviceArray).download();
}

describeOnDevice('device arrays', () => {
  const grpo = new PolicyLoss({ objective: 'grpo' });

  test.each([
    ['float32', Float32Array.of(1, -2.5, Infinity)],
    ['bfloat16', Uint16Array.of(1, 2, 3)],
    ['float16', Uint16Array.of(4, 5)],
    ['float64', Float64Array.of(0.1)],
    ['int32', Int32Array.of(-1, 7)],
    ['int64', BigInt64Array.of(-1n, 1n << 40n)],
    ['uint8', new Uint8Array(0)],
  ] as const)('%s: what is uploaded is downloaded', (dtype, data) => {
    using array = DeviceArray.from(data, dtype);
    expect([array.dtype, array.length, array.device]).toStrictEqual([dtype, data.length, 0]);
    expect(array.download()).toStrictEqual(data);
  });

  test.each<[string, () => unknown, object]>([
    ['an unknown dtype', () => DeviceArray.allocate('int8' as 'uint8', 1), { code: 'ERR_DTYPE' }],
    ['a negative length', () => DeviceArray.allocate('uint8', -1), { code: 'ERR_SHAPE' }],
    ['no length', () => DeviceArray.allocate('uint8', NaN), { code: 'ERR_SHAPE' }],
    ['no device', () => DeviceArray.allocate('uint8', 1, { device: 99 }), { code: 'ERR_OPTION' }],
    ['too much', () => DeviceArray.allocate('float64', 2 ** 45), { code: 'ERR_OUT_OF_MEMORY' }],
    ['an array of another type', () => DeviceArray.from(new Uint8Array(4), 'float32'), { code: 'ERR_DTYPE' }],
    ['no array', () => DeviceArray.from(undefined as never, 'float32'), { code: 'ERR_DTYPE' }],
    [
      'an upload of another length',
      () => DeviceArray.allocate('uint8', 2).upload(new Uint8Array(3)),
      { code: 'ERR_SHAPE', argument: 'data' },
    ],
    [
      'an address of the host',
      () => DeviceArray.unsafeWrapPointer({ pointer: 4096n, dtype: 'uint8', length: 1 }),
      { code: 'ERR_OPTION' },
    ],
    [
      'an address that is a number',
      () => DeviceArray.unsafeWrapPointer({ pointer: 4096 as never, dtype: 'uint8', length: 1 }),
      { code: 'ERR_TYPE', argument: 'pointer' },
    ],
  ])('%s is refused', (_, call, error) => {
    expect(thrownBy(call)).toMatchObject(error);
  });

  test('a disposed array refuses every use, and may be disposed again', () => {
    const array = onDevice(waves(6));
    array.dispose();
    array[Symbol.dispose]();
    const disposed = { code: 'ERR_DISPOSED', status: 'untouched' };
    expect(thrownBy(() => array.download())).toMatchObject(disposed);
    expect(thrownBy(() => array.upload(waves(6)))).toMatchObject(disposed);
    expect(thrownBy(() => array.pointer)).toMatchObject(disposed);
    const batch = { ...mixedBatch(), oldLogProbs: array };
    expect(thrownBy(() => grpo.forwardSync(batch))).toMatchObject({ ...disposed, argument: 'oldLogProbs' });
  });

  test('inspect lists the device', () => {
    const { cuda } = inspect().backends;
    expect(cuda.available).toBe(true);
    expect(cuda.devices).toHaveLength(1);
    expect(cuda.devices[0]?.memoryBytes).toBeGreaterThan(0);
    expect(cuda.architectures.length).toBeGreaterThan(0);
  });

  test("with backend 'auto' the tensors decide, and every result says where it was computed", async () => {
    expect(grpo.forwardSync(smallBatch()).backend).toBe('cpu');
    expect(grpo.forwardBackwardSync(mixedBatch()).backend).toBe('cuda');
    expect((await grpo.forward(mixedBatch())).backend).toBe('cuda');
    const cuda = new PolicyLoss({ objective: 'grpo', backend: 'cuda' });
    expect([cuda.backend, cuda.forwardSync(mixedBatch()).backend]).toStrictEqual(['cuda', 'cuda']);
    expect(tokenStatsSync({ logits: mixedBatch().logits }).backend).toBe('cuda');
  });

  test('arrays of the host beside device logits give what device arrays give', async () => {
    const expected = grpo.forwardBackwardSync<'logProbs', DeviceTensor>(mixedBatch());
    const everything = grpo.forwardBackwardSync<'logProbs', DeviceTensor>(
      batchOnDevice(smallBatch()) as never,
    );
    const later = await grpo.forwardBackward<'logProbs', DeviceTensor>(mixedBatch());
    for (const result of [everything, later]) {
      expect({ ...result, gradLogits: 0 }).toStrictEqual({ ...expected, gradLogits: 0 });
      expect(hostData(result.gradLogits)).toStrictEqual(hostData(expected.gradLogits));
    }
  });

  test('a gradient in place consumes the logits', () => {
    const expected = hostData(grpo.forwardBackwardSync<'logProbs', DeviceTensor>(mixedBatch()).gradLogits);
    const batch = mixedBatch();
    const result = grpo.forwardSync(batch);
    expect(hostData(result.backwardSync({ into: batch.logits }))).toStrictEqual(expected);
    expect(thrownBy(() => result.backwardSync())).toMatchObject({ code: 'ERR_CONSUMED' });
  });

  test('a wrapped pointer is the same memory', () => {
    const batch = mixedBatch();
    const { pointer, length, dtype } = batch.logits.data as DeviceArray;
    const wrapped = DeviceArray.unsafeWrapPointer({ pointer, dtype, length });
    const { gradLogits } = grpo.forwardBackwardSync(batch, { into: { ...batch.logits, data: wrapped } });
    wrapped.dispose();
    expect(gradLogits.data).toBe(wrapped);
    const expected = grpo.forwardBackwardSync<'logProbs', DeviceTensor>(mixedBatch()).gradLogits;
    expect(hostData(batch.logits)).toStrictEqual(hostData(expected));
  });

  test('tokenStats, scalar stage and vector-Jacobian product work on the device', async () => {
    const { logits, actions, ...scalars } = smallBatch();
    const host = tokenStatsSync({ logits, actions });
    const device = await tokenStats({ logits: mixedBatch().logits, actions });
    for (const [field, values] of Object.entries(host.tokens)) {
      const theirs = device.tokens[field as 'logProbs'] as Float32Array;
      for (const [i, value] of values.entries()) expect(theirs[i]).toBeCloseTo(value, 5);
    }
    const tokens = { logProbs: onDevice(device.tokens.logProbs) };
    const onDeviceStage = grpo.objectiveSync({ ...scalars, shape: [2, 3], tokens });
    const onHostStage = grpo.objectiveSync({
      ...scalars,
      shape: [2, 3],
      tokens: { logProbs: device.tokens.logProbs },
    });
    expect(onDeviceStage.backend).toBe('cuda');
    expect(onDeviceStage.loss).toBeCloseTo(onHostStage.loss, 6);
    const dLogProbs = onDevice(onDeviceStage.tokens.coefLogProb);
    const gradient = hostData(device.backwardSync<DeviceTensor>({ dLogProbs })) as Float32Array;
    const expected = host.backwardSync({ dLogProbs: onHostStage.tokens.coefLogProb }).data as Float32Array;
    for (const [i, value] of expected.entries()) expect(gradient[i]).toBeCloseTo(value, 6);
  });

  test.each<[string, () => unknown, object]>([
    [
      'device logits on the CPU',
      () => new PolicyLoss({ objective: 'grpo', backend: 'cpu' }).forwardSync(mixedBatch()),
      { code: 'ERR_TYPE', argument: 'logits' },
    ],
    [
      'a gradient on the host of device logits',
      () => grpo.forwardBackwardSync(mixedBatch(), { into: smallBatch().logits }),
      { code: 'ERR_TYPE', argument: 'into' },
    ],
    [
      'a gradient on the device of host logits',
      () => grpo.forwardBackwardSync(smallBatch(), { into: mixedBatch().logits }),
      { code: 'ERR_TYPE', argument: 'into' },
    ],
    [
      'a device array beside host logits',
      () => grpo.forwardSync({ ...smallBatch(), mask: onDevice(new Uint8Array(6)) } as never),
      { code: 'ERR_TYPE', argument: 'mask' },
    ],
    [
      'old logits of the host beside device logits',
      () =>
        new PolicyLoss({ objective: 'lp-reg', proxy: 'old' }).forwardSync({
          ...mixedBatch(),
          oldLogits: smallBatch().logits as never,
        }),
      { code: 'ERR_TYPE', argument: 'oldLogits' },
    ],
    [
      'a tensor of another dtype than its array',
      () => grpo.forwardSync({ ...mixedBatch(), logits: { ...mixedBatch().logits, dtype: 'float16' } }),
      { code: 'ERR_DTYPE', argument: 'logits' },
    ],
    [
      'an array that is too short',
      () => grpo.forwardSync({ ...mixedBatch(), oldLogProbs: onDevice(waves(5)) }),
      { code: 'ERR_SHAPE', argument: 'oldLogProbs' },
    ],
    [
      'a bad mask, found by the kernels',
      () => grpo.forwardSync({ ...mixedBatch(), mask: onDevice(Uint8Array.of(1, 1, 2, 1, 1, 1)) }),
      { code: 'ERR_MASK', argument: 'mask', index: 2 },
    ],
  ])('%s is refused', (_, call, error) => {
    expect(thrownBy(call)).toMatchObject(error);
  });

  test('after a refused call the next one succeeds', async () => {
    const bad = { ...mixedBatch(), actions: onDevice(Int32Array.of(0, 1, 99, 0, 0, 0)) };
    expect(await rejectionOf(grpo.forward(bad))).toMatchObject({ code: 'ERR_ACTION_RANGE', index: 2 });
    expect(grpo.forwardSync(mixedBatch()).loss).toBeCloseTo(grpo.forwardSync(smallBatch()).loss, 6);
  });

  test('memory that is disposed of during a call outlives it', async () => {
    const batches = Array.from({ length: 8 }, () => mixedBatch(4, 8, 64));
    const expected = grpo.forwardSync(mixedBatch(4, 8, 64)).loss;
    const promises = batches.map((batch) => grpo.forwardBackward(batch, { into: batch.logits }));
    for (const { logits } of batches) (logits.data as DeviceArray).dispose();
    for (const { loss } of await Promise.all(promises)) expect(loss).toBe(expected);
  });

  test('a disposed result lets go of its workspace and refuses backward', () => {
    const result = grpo.forwardSync(mixedBatch());
    result.dispose();
    result.dispose();
    expect(thrownBy(() => result.backwardSync())).toMatchObject({ code: 'ERR_DISPOSED' });
  });

  test('arrays that nobody disposes of are freed when they have been collected', async () => {
    const gibibytes = 32;
    for (let i = 0; i < 12; i++) {
      try {
        DeviceArray.allocate('uint8', gibibytes * 2 ** 30);
      } catch (error) {
        expect(error).toBeInstanceOf(LpRegError);
      }
      (globalThis.gc as () => void)();
      await new Promise((resolve) => setImmediate(resolve));
    }
    DeviceArray.allocate('uint8', gibibytes * 2 ** 30).dispose();
  });

  test('a worker thread has contexts of its own', async () => {
    const library = JSON.stringify(new URL('../dist/index.js', import.meta.url).pathname);
    const worker = new Worker(
      `const { DeviceArray, PolicyLoss } = require(${library});
      const { parentPort } = require('node:worker_threads');
      const data = DeviceArray.from(Float32Array.of(1, 2, 3, 4), 'float32');
      const logits = { data, dtype: 'float32', shape: [1, 2, 2] };
      const batch = { logits, actions: Int32Array.of(0, 1), oldLogProbs: Float32Array.of(-1, -1) };
      const result = new PolicyLoss({ objective: 'grpo' })
        .forwardBackwardSync({ ...batch, advantages: Float32Array.of(1, -1) });
      parentPort.postMessage([result.backend, result.gradLogits.data.download()]);`,
      { eval: true },
    );
    const [backend, gradient] = await new Promise<[string, Float32Array]>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    expect(backend).toBe('cuda');
    expect(gradient).toHaveLength(4);
    await worker.terminate();
  });
});
