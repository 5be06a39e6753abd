/** Per-token results and proxy snapshots that stay in device memory, and calls that go on with them there. */
import { expect, test } from 'vitest';
import {
  type DeviceArray,
  type DevicePolicyLossBatch,
  type DeviceTensor,
  type HostArray,
  PolicyLoss,
  proxySnapshot,
  proxySnapshotSync,
  tokenStatsSync,
} from '../lib/index.js';
import { batchOnDevice, describeOnDevice, onDevice } from './support/emulated-device.js';
import { rejectionOf, thrownBy } from './support/errors.js';
import { smallBatch } from './support/small-batch.js';

const filter = { kind: 'min-p', kappa: 0.1 } as const;
const keep = { keepOnDevice: true } as const;

function deviceBatch(...shape: [number?, number?, number?]): DevicePolicyLossBatch {
  return batchOnDevice(smallBatch(...shape)) as unknown as DevicePolicyLossBatch;
}

/** Arrays of a device, copied to the host. */
function downloaded(arrays: object): Record<string, HostArray> {
  const entries = Object.entries(arrays as Record<string, DeviceArray>);
  return Object.fromEntries(entries.map(([name, array]) => [name, array.download()]));
}

function snapshotArrays({ rowPtr, ids, logQ, logKeptMass, uniform }: Record<string, unknown>): object {
  return { rowPtr, ids, logQ, logKeptMass, uniform };
}

describeOnDevice('results that are kept', () => {
  const policyLoss = () => new PolicyLoss({ objective: 'lp-reg', rho: 0.5, dualClip: 3 });

  test('per-token results are those that would have been copied, of every type', async () => {
    const loss = policyLoss();
    const outputs = loss.tokenFields;
    const copied = loss.forwardSync(deviceBatch(2, 7, 40), { outputs });
    const kept = [
      loss.forwardSync(deviceBatch(2, 7, 40), { outputs, ...keep }),
      await loss.forward(deviceBatch(2, 7, 40), { outputs, ...keep }),
    ];
    for (const { tokens, loss: value, metrics } of kept) {
      expect(tokens.logProbs).toMatchObject({ dtype: 'float32', length: 14, device: 0 });
      expect([tokens.keepCount.dtype, tokens.selected.dtype]).toEqual(['int32', 'uint8']);
      expect(downloaded(tokens)).toStrictEqual(copied.tokens);
      expect([value, metrics]).toStrictEqual([copied.loss, copied.metrics]);
    }
  });

  test('one call for loss and gradient keeps them too, or none', async () => {
    const loss = policyLoss();
    const copied = loss.forwardBackwardSync<'logProbs' | 'selected', DeviceTensor>(deviceBatch());
    const both = await loss.forwardBackward(deviceBatch(), { ...keep, outputs: ['selected', 'logProbs'] });
    expect(downloaded(both.tokens)).toStrictEqual({
      logProbs: copied.tokens.logProbs,
      selected: copied.tokens.selected,
    });
    expect(loss.forwardBackwardSync(deviceBatch(), { ...keep, outputs: [] }).tokens).toEqual({});
  });

  test('statistics go to the scalar stage and its coefficients back to the logits without leaving the device', () => {
    const loss = policyLoss();
    const { logits, actions, ...inputs } = deviceBatch(2, 7, 40);
    const stats = tokenStatsSync({ logits, actions }, { filter, ...keep });
    const stage = loss.objectiveSync({ ...inputs, shape: [2, 7], tokens: stats.tokens }, keep);
    expect(stage.backend).toBe('cuda');
    const { coefLogProb, coefKl } = stage.tokens;
    const gradient = stats.backwardSync<DeviceTensor>({ dLogProbs: coefLogProb, dKl: coefKl });
    const whole = new PolicyLoss({ objective: 'lp-reg', rho: 0.5, dualClip: 3, filter });
    const expected = whole.forwardBackwardSync<'logProbs', DeviceTensor>(deviceBatch(2, 7, 40));
    expect(stage.loss).toBeCloseTo(expected.loss, 6);
    const [ours, theirs] = [gradient, expected.gradLogits].map(({ data }) =>
      (data as DeviceArray).download(),
    );
    for (const [i, value] of (theirs as Float32Array).entries()) {
      expect((ours as Float32Array)[i]).toBeCloseTo(value, 6);
    }
  });

  test('a snapshot of device logits is the one of host logits, wherever it is kept', async () => {
    const { logits } = smallBatch(3, 4, 60);
    const onDevice = deviceBatch(3, 4, 60).logits;
    const expected = proxySnapshotSync(logits, { filter });
    const copied = proxySnapshotSync(onDevice, { filter });
    const kept = await proxySnapshot(onDevice, { filter, ...keep });
    expect(kept).toMatchObject({ rows: 12, vocab: 60, temperature: 1 });
    expect(snapshotArrays(copied as never)).toStrictEqual(downloaded(snapshotArrays(kept as never)));
    expect([copied.rowPtr, copied.ids, copied.uniform]).toStrictEqual([
      expected.rowPtr,
      expected.ids,
      expected.uniform,
    ]);
    for (const [i, value] of expected.logQ.entries()) expect(copied.logQ[i]).toBeCloseTo(value, 5);
  });

  test('a snapshot on the device serves a loss there, like one of the host', () => {
    const { logits, ...batch } = deviceBatch(3, 4, 60);
    const old = deviceBatch(3, 4, 60).logits;
    const loss = new PolicyLoss({ objective: 'lp-reg', rho: 0.5, proxy: 'snapshot' });
    const [kept, copied] = [proxySnapshotSync(old, { filter, ...keep }), proxySnapshotSync(old, { filter })];
    const evaluate = (snapshot: DevicePolicyLossBatch['proxySnapshot']) => {
      const result = loss.forwardSync({ ...batch, logits, proxySnapshot: snapshot });
      return { loss: result.loss, tokens: result.tokens };
    };
    expect(evaluate(kept)).toStrictEqual(evaluate(copied));
  });

  test('bad rows, too many entries and a mask on the device are told as for host logits', async () => {
    const { logits } = deviceBatch();
    const bad = { ...logits, data: onDevice(smallBatch().logits.data.with(12, NaN)) };
    expect(thrownBy(() => proxySnapshotSync(bad, { filter }))).toMatchObject({
      code: 'ERR_NON_FINITE_LOGITS',
      index: 2,
    });
    const mask = onDevice(Uint8Array.of(1, 0, 0, 0, 0, 0));
    expect(proxySnapshotSync(bad, { filter, mask }).rowPtr.at(-1)).toBeGreaterThan(0n);
    const few = proxySnapshot(logits, { filter: { kind: 'min-p', kappa: 0 }, maxEntries: 29 });
    expect(await rejectionOf(few)).toMatchObject({ code: 'ERR_SNAPSHOT_TOO_LARGE', argument: 'maxEntries' });
    expect(
      proxySnapshotSync(logits, { filter: { kind: 'min-p', kappa: 0 }, maxEntries: 30 }).ids,
    ).toHaveLength(30);
  });

  test.each<[string, () => unknown]>([
    ['forward', () => policyLoss().forwardSync(smallBatch(), keep)],
    ['forwardBackward', () => policyLoss().forwardBackwardSync(smallBatch(), keep)],
    ['tokenStats', () => tokenStatsSync({ logits: smallBatch().logits }, keep)],
    ['proxySnapshot', () => proxySnapshotSync(smallBatch().logits, { filter, ...keep })],
  ])('%s of tensors of the host cannot keep its results on a device', (_, call) => {
    expect(thrownBy(call)).toMatchObject({ code: 'ERR_OPTION_WITHOUT_EFFECT', argument: 'keepOnDevice' });
  });

  test('a value that is no flag is refused', () => {
    const call = () => policyLoss().forwardSync(deviceBatch(), { keepOnDevice: 1 as never });
    expect(thrownBy(call)).toMatchObject({ code: 'ERR_TYPE', argument: 'keepOnDevice' });
  });
});
