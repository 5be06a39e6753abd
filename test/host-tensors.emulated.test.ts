/** Tensors of the host with `backend: 'cuda'`: they pass through staging memory, and calls answer as on the CPU. */
import { beforeAll, expect, test } from 'vitest';
import {
  DeviceArray,
  inspect,
  PolicyLoss,
  type PolicyLossBatch,
  type Progress,
  type ProxySnapshotOptions,
  proxySnapshot,
  proxySnapshotSync,
  tokenStats,
  tokenStatsSync,
} from '../lib/index.js';
import { runScript, workerSource } from './support/child.js';
import { describeOnDevice, isEmulated } from './support/emulated-device.js';
import { rejectionOf, thrownBy } from './support/errors.js';
import { smallBatch } from './support/small-batch.js';

const options = { objective: 'lp-reg', rho: 0.5, backend: 'cuda' } as const;

/** Numbers agree as two instruction sets do; flags and counts are equal. */
function expectClose(
  ours: Readonly<Record<string, unknown>>,
  theirs: Readonly<Record<string, unknown>>,
): void {
  expect(Object.keys(ours).sort()).toEqual(Object.keys(theirs).sort());
  for (const [name, expected] of Object.entries(theirs)) {
    const [a, b] = [ours[name], expected].map((value) =>
      ArrayBuffer.isView(value) ? Array.from(value as Float32Array) : [value as number],
    ) as [number[], number[]];
    for (const [i, value] of b.entries()) expect(a[i], `${name}[${i}]`).toBeCloseTo(value, 5);
  }
}

/** A batch that takes many chunks, in memory that jobs use without a copy. */
function longBatch(rows: number, V = 2048): PolicyLossBatch {
  const data = new Float32Array(new SharedArrayBuffer(4 * rows * V));
  return {
    logits: { data, dtype: 'float32', shape: [1, rows, V] },
    actions: new Int32Array(rows),
    oldLogProbs: new Float32Array(rows).fill(-8),
    advantages: new Float32Array(rows).fill(-1),
  };
}

const chunked = () => new PolicyLoss({ objective: 'grpo', backend: 'cuda', stagingBytes: 4 * 2048 * 4 });

/** Tries with more rows until a call has been caught under way. */
async function catchUnderWay(attempt: (rows: number) => Promise<boolean>): Promise<void> {
  for (const rows of [64, 256, 1024]) {
    if (await attempt(rows)) return;
  }
  throw new Error('every call had ended before it was looked at');
}

function declare(): void {
  let policyLoss: PolicyLoss;
  let onCpu: PolicyLoss;
  beforeAll(() => {
    policyLoss = new PolicyLoss(options);
    onCpu = new PolicyLoss({ objective: 'lp-reg', rho: 0.5 });
  });

  test('a loss says where it computes', () => {
    expect(policyLoss.backend).toBe('cuda');
    expect(policyLoss.options).toMatchObject({ backend: 'cuda', device: undefined, stagingBytes: undefined });
    expect(onCpu.backend).toBe('cpu');
  });

  test('forward and backward give what the CPU gives, synchronously and not', async () => {
    const batch = smallBatch(3, 5, 67);
    const expected = onCpu.forwardSync(batch);
    const gradient = expected.backwardSync({ gradOutput: 3 });
    for (const result of [policyLoss.forwardSync(batch), await policyLoss.forward(batch)]) {
      expect(result.backend).toBe('cuda');
      expectClose({ ...result.tokens, loss: result.loss }, { ...expected.tokens, loss: expected.loss });
      expectClose({ ...result.metrics }, { ...expected.metrics });
      for (const ours of [result.backwardSync({ gradOutput: 3 }), await result.backward({ gradOutput: 3 })]) {
        expectClose({ data: ours.data }, { data: gradient.data });
      }
    }
  });

  test('a gradient in place consumes the logits', async () => {
    const expected = policyLoss.forwardBackwardSync(smallBatch()).gradLogits.data;
    const [now, later] = [smallBatch(), smallBatch()];
    const result = policyLoss.forwardSync(now);
    policyLoss.forwardBackwardSync(now, { into: now.logits });
    await policyLoss.forwardBackward(later, { into: later.logits });
    for (const { logits } of [now, later]) expect(logits.data).toStrictEqual(expected);
    expect(thrownBy(() => result.backwardSync())).toMatchObject({ code: 'ERR_CONSUMED' });
  });

  test('per-token operation, vector-Jacobian product and scalar stage give what the CPU gives', async () => {
    const { logits, actions, ...scalars } = smallBatch(2, 3, 40);
    const filter = { kind: 'min-p', kappa: 0.1 } as const;
    const theirs = tokenStatsSync({ logits, actions }, { filter });
    const ours = await tokenStats({ logits, actions }, { filter, backend: 'cuda' });
    expect(ours.backend).toBe('cuda');
    expectClose({ ...ours.tokens }, { ...theirs.tokens });
    const batch = { ...scalars, shape: [2, 3], tokens: ours.tokens } as const;
    const [cuda, cpu] = [policyLoss.objectiveSync(batch), onCpu.objectiveSync(batch)];
    expect(cuda.backend).toBe('cuda');
    expectClose({ ...cuda.tokens, loss: cuda.loss }, { ...cpu.tokens, loss: cpu.loss });
    const cotangents = { dLogProbs: cpu.tokens.coefLogProb, dKl: cpu.tokens.coefKl };
    const gradient = await ours.backward(cotangents);
    expectClose({ data: gradient.data }, { data: theirs.backwardSync(cotangents).data });
  });

  test('16-bit logits, packed rows and strides are taken as on the CPU', () => {
    const { logits, ...rest } = smallBatch(1, 6, 8);
    const bits = new Uint16Array(logits.data.buffer).filter((_, i) => i % 2 === 1);
    const strided = { data: bits, dtype: 'bfloat16', shape: [6, 7], strides: [8, 1] } as const;
    const batch = {
      ...rest,
      actions: new Int32Array(6),
      logits: strided,
      cuSeqLens: Int32Array.of(0, 2, 2, 6),
    };
    const [cuda, cpu] = [policyLoss, onCpu].map((loss) =>
      loss.forwardBackwardSync(batch, { dtype: 'float32' }),
    );
    expectClose(
      { ...cuda?.tokens, data: cuda?.gradLogits.data },
      { ...cpu?.tokens, data: cpu?.gradLogits.data },
    );
  });

  test.each<[string, object]>([
    ['min-p', { filter: { kind: 'min-p', kappa: 0.05 } }],
    ['fixed, empty rows uniform', { filter: { kind: 'fixed', tau: 0.3, empty: 'uniform' } }],
    ['a softcap and a temperature', { filter: { kind: 'min-p', kappa: 0.05 }, softcap: 2, temperature: 0.7 }],
    ['a filter that keeps everything', { filter: { kind: 'min-p', kappa: 0 } }],
  ])("a proxy snapshot under %s is the CPU's, in any number of chunks", async (_, given) => {
    const { logits } = smallBatch(3, 5, 67);
    const mask = new Uint8Array(15).fill(1).with(3, 0).with(14, 0);
    const snapshotOptions = { ...given, mask } as ProxySnapshotOptions;
    const cpu = proxySnapshotSync(logits, snapshotOptions);
    const whole = proxySnapshotSync(logits, { ...snapshotOptions, backend: 'cuda' });
    const chunks = await proxySnapshot(logits, { ...snapshotOptions, backend: 'cuda', stagingBytes: 900 });
    expect(chunks).toStrictEqual(whole);
    expect({ ...whole, logQ: 0, logKeptMass: 0 }).toStrictEqual({ ...cpu, logQ: 0, logKeptMass: 0 });
    expectClose({ logQ: whole.logQ }, { logQ: cpu.logQ });
  });

  test('a snapshot that is too large is refused as on the CPU', () => {
    const few = { filter: { kind: 'min-p', kappa: 0 }, maxEntries: 29, backend: 'cuda' } as const;
    const error = { code: 'ERR_SNAPSHOT_TOO_LARGE', argument: 'maxEntries' };
    expect(thrownBy(() => proxySnapshotSync(smallBatch().logits, few))).toMatchObject(error);
  });

  test.each<[string, (batch: ReturnType<typeof smallBatch>) => object, object]>([
    ['mask', ({ mask }) => ({ mask: mask?.with(2, 7) }), { code: 'ERR_MASK', index: 2 }],
    [
      'actions',
      () => ({ actions: Int32Array.of(0, 1, 99, 0, 0, 0) }),
      { code: 'ERR_ACTION_RANGE', index: 2 },
    ],
    [
      'advantages',
      () => ({ advantages: new Float32Array(6).fill(NaN) }),
      { code: 'ERR_NON_FINITE_INPUT', index: 0 },
    ],
    [
      'logits',
      ({ logits }) => ({ logits: { ...logits, data: logits.data.with(17, NaN) } }),
      { code: 'ERR_NON_FINITE_LOGITS', index: 3, status: 'untouched' },
    ],
  ])('bad %s are found, and the next call works', async (argument, change, error) => {
    const batch = { ...smallBatch(), ...change(smallBatch()) };
    expect(thrownBy(() => policyLoss.forwardBackwardSync(batch))).toMatchObject({ ...error, argument });
    expect(await rejectionOf(policyLoss.forward(batch))).toMatchObject({ ...error, argument });
    expect(policyLoss.forwardSync(smallBatch()).loss).toBeCloseTo(onCpu.forwardSync(smallBatch()).loss, 6);
  });

  test.each<[string, object, object]>([
    ['device', { backend: 'cuda', device: 999 }, { code: 'ERR_OPTION' }],
    ['device', { backend: 'cuda', device: -1 }, { code: 'ERR_OPTION' }],
    ['device', { device: 0 }, { code: 'ERR_OPTION_WITHOUT_EFFECT' }],
    ['device', { backend: 'cpu', device: 0 }, { code: 'ERR_OPTION_WITHOUT_EFFECT' }],
    ['stagingBytes', { stagingBytes: 1 << 20 }, { code: 'ERR_OPTION_WITHOUT_EFFECT' }],
    ['stagingBytes', { backend: 'cuda', stagingBytes: 0 }, { code: 'ERR_OPTION' }],
    ['stagingBytes', { backend: 'cuda', stagingBytes: 19 }, { code: 'ERR_OPTION' }],
  ])('%s of %o is refused', (argument, placement, error) => {
    const { logits } = smallBatch();
    const build = () => new PolicyLoss({ objective: 'grpo', ...placement }).forwardSync(smallBatch());
    expect(thrownBy(build)).toMatchObject({ ...error, argument });
    expect(thrownBy(() => tokenStatsSync({ logits }, placement))).toMatchObject({ ...error, argument });
  });

  test('the number of chunks changes no bit', () => {
    const batch = smallBatch(4, 16, 50);
    const bits = (stagingBytes?: number) =>
      new PolicyLoss({ ...options, stagingBytes }).forwardBackwardSync(batch).gradLogits.data;
    for (const bytes of [208, 1000, 4096]) expect(bits(bytes)).toStrictEqual(bits());
  });

  test('many jobs at once give what each gives alone', async () => {
    const batches = Array.from({ length: 24 }, (_, i) =>
      smallBatch(1 + (i % 3), 1 + (i % 5), 2 + 37 * (i % 7)),
    );
    const alone = batches.map((batch) => policyLoss.forwardSync(batch).loss);
    const together = await Promise.all(batches.map((batch) => policyLoss.forward(batch)));
    expect(together.map(({ loss }) => loss)).toStrictEqual(alone);
  });

  test('a job is aborted between chunks, and tells its progress', () =>
    catchUnderWay(async (rows) => {
      const controller = new AbortController();
      const seen: number[] = [];
      const onProgress = ({ rowsDone }: Progress) => {
        seen.push(rowsDone);
        controller.abort();
      };
      const call = chunked().forward(longBatch(rows), { signal: controller.signal, onProgress });
      const outcome = await call.catch((error: unknown) => error);
      if (!(outcome instanceof Error)) return false;
      expect(outcome).toMatchObject({ code: 'ERR_ABORTED', status: 'untouched' });
      expect(seen[0]).toBeLessThan(rows);
      return true;
    }));

  test('a job in place that is aborted half-way says that the logits are consumed', () =>
    catchUnderWay(async (rows) => {
      const batch = longBatch(rows);
      const data = batch.logits.data as Float32Array;
      const controller = new AbortController();
      const call = chunked().forwardBackward(batch, { into: batch.logits, signal: controller.signal });
      const outcome = call.catch((error: unknown) => error);
      let ended = false;
      outcome.finally(() => {
        ended = true;
      });
      while (data[0] === 0 && !ended) await new Promise((resolve) => setTimeout(resolve, 1));
      controller.abort();
      const error = await outcome;
      if (!(error instanceof Error)) return false;
      expect(error).toMatchObject({ code: 'ERR_ABORTED', status: 'consumed' });
      expect(data.at(-1)).toBe(0);
      return true;
    }));

  test('memory that is detached during a job does not disturb it', async () => {
    const expected = policyLoss.forwardBackwardSync(smallBatch(4, 16, 200));
    const batch = smallBatch(4, 16, 200);
    const promise = policyLoss.forwardBackward(batch);
    for (const { buffer } of [batch.logits.data, batch.oldLogProbs, batch.advantages]) {
      structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
    }
    expect(await promise).toStrictEqual(expected);
  });

  test.runIf(isEmulated)(
    'two devices: each loss computes on its own, and tensors of the other one are refused',
    () => {
      expect(inspect().backends.cuda.devices).toHaveLength(2);
      const other = new PolicyLoss({ ...options, device: 1 });
      expect(other.forwardSync(smallBatch())).toMatchObject({
        loss: policyLoss.forwardSync(smallBatch()).loss,
        backend: 'cuda',
      });
      const { actions, oldLogProbs: host, advantages, logits } = smallBatch();
      const batch = { actions, oldLogProbs: host, advantages };
      const on = (device: number) => ({
        ...logits,
        data: DeviceArray.from(logits.data, 'float32', { device }),
      });
      const auto = new PolicyLoss({ objective: 'lp-reg', rho: 0.5 });
      expect(auto.forwardSync({ ...batch, logits: on(1) }).loss).toBe(
        other.forwardSync({ ...batch, logits }).loss,
      );
      expect(other.forwardSync({ ...batch, logits: on(1) }).backend).toBe('cuda');
      const wrong = { code: 'ERR_TYPE', argument: 'logits' };
      expect(thrownBy(() => other.forwardSync({ ...batch, logits: on(0) }))).toMatchObject(wrong);
      const oldLogProbs = DeviceArray.from(host, 'float32', { device: 0 });
      const mixed = () => auto.forwardSync({ ...batch, logits: on(1), oldLogProbs });
      expect(thrownBy(mixed)).toMatchObject({ code: 'ERR_TYPE', argument: 'oldLogProbs' });
    },
  );

  test.runIf(isEmulated)('two devices: a wrapped pointer is of the device that its memory is of', () => {
    for (const device of [0, 1]) {
      const { actions, oldLogProbs, advantages, logits } = smallBatch();
      using owned = DeviceArray.from(logits.data, 'float32', { device });
      const { pointer, length } = owned;
      const data = DeviceArray.unsafeWrapPointer({ pointer, length, dtype: 'float32' });
      expect(data.device).toBe(device);
      const given = { actions, oldLogProbs, advantages, logits: { ...logits, data } };
      const { gradLogits } = new PolicyLoss({ objective: 'grpo' }).forwardBackwardSync(given);
      expect((gradLogits.data as unknown as DeviceArray).device).toBe(device);
      const other = new PolicyLoss({ objective: 'grpo', backend: 'cuda', device: 1 - device });
      const message = `logits: expected memory of device ${1 - device}, received memory of device ${device}`;
      expect(thrownBy(() => other.forwardSync(given))).toMatchObject({ code: 'ERR_TYPE', message });
    }
  });

  const busy = `
    const policyLoss = new lpreg.PolicyLoss({ objective: 'grpo', backend: 'cuda', stagingBytes: 1 << 15 });
    const long = batch(1, 32, 2000, SharedArrayBuffer);
    const work = async () => { while (true) await (await policyLoss.forward(long)).backward({ into: long.logits }); };
  `;

  test('a process may end in the middle of its jobs', () => {
    for (const delay of [0, 5, 20]) {
      const ended = runScript(`${busy} for (let i = 0; i < 3; i++) work().catch(() => {});
        setTimeout(() => process.exit(7), ${delay});`);
      expect(ended).toMatchObject({ status: 7, signal: null, stderr: '' });
    }
  });

  test('a worker is terminated in the middle of its jobs, and the process goes on', () => {
    const worker = workerSource(`${busy} for (let i = 0; i < 3; i++) work().catch(() => {});
      require('node:worker_threads').parentPort.postMessage('busy');`);
    const ended = runScript(`
      const { Worker } = require('node:worker_threads');
      const { once } = require('node:events');
      (async () => {
        for (let round = 0; round < 5; round++) {
          const worker = new Worker(${worker}, { eval: true });
          await once(worker, 'message');
          await new Promise((resolve) => setTimeout(resolve, 9 * round));
          await worker.terminate();
        }
        const { backend } = await new lpreg.PolicyLoss({ objective: 'grpo', backend: 'cuda' }).forward(batch(2, 3, 5));
        console.log('alive', backend);
      })();
    `);
    expect(ended).toMatchObject({ status: 0, signal: null, stdout: 'alive cuda\n' });
  });
}

describeOnDevice('tensors of the host', declare, 'devices=2');
