import type { OperationValues } from '../native/addon-types.js';
import { AT } from '../native/arguments.js';
import { maskedLogits } from '../native/batch-argument.js';
import { contextFor } from '../native/context.js';
import { DeviceArray } from '../native/device-array.js';
import { type JobOptions, run, runJob } from '../native/jobs.js';
import { SNAPSHOT_FIELDS } from '../native/names.js';
import { rowOptionsArgument } from '../native/option-arguments.js';
import { integerFrom, missing } from '../options/checks.js';
import { checkFilter } from '../options/option-checks.js';
import type { Backend, DeviceCallOptions, Filter } from '../options/option-types.js';
import { arrayArgument, type DeviceData, type DeviceDtype } from '../tensors/device-data.js';
import type { DeviceProxySnapshot, ProxySnapshot } from '../tensors/proxy-snapshot.js';
import type { AnyTensor } from '../tensors/tensor.js';
import { allocateByName } from './allocate.js';
import { type CallFields, callOptions, type KeepOption, readKeepOnDevice } from './call-options.js';
import { readRowOptions } from './token-stats-options.js';

/** Options of {@link proxySnapshot}. */
export interface ProxySnapshotOptions<OnDevice extends boolean = false>
  extends DeviceCallOptions,
    KeepOption<OnDevice> {
  /** Which tokens the proxies keep. */
  readonly filter: Filter;
  /** That of the loss that will use the snapshot. Finite, above 0. @default 1 */
  readonly temperature?: number | undefined;
  /** Replaces each logit `z` by `softcap * tanh(z / softcap)`. Finite, above 0. @default off */
  readonly softcap?: number | undefined;
  /** `[N]` 1 for tokens that count; others get no proxy. @default all count */
  readonly mask?: Uint8Array | DeviceData | undefined;
  /**
   * Most kept tokens over all rows, at 8 bytes each: on flat rows a filter may keep the whole vocabulary. An
   * integer from 0.
   * @default 67108864 (2^26, half a gibibyte)
   */
  readonly maxEntries?: number | undefined;
  /** Where it is taken, as in the options of `PolicyLoss`. @default 'auto' */
  readonly backend?: Backend | undefined;
}

const DEFAULT_MAX_ENTRIES = 2 ** 26;

const NO_OPTIONS = {
  filter: undefined,
  temperature: undefined,
  softcap: undefined,
  mask: undefined,
  maxEntries: undefined,
  backend: undefined,
  device: undefined,
  stagingBytes: undefined,
  keepOnDevice: undefined,
};

const OPTIONS = callOptions(NO_OPTIONS);

/**
 * A proxy snapshot, wherever it is.
 * @typeParam OnDevice - Whether it was kept on the device.
 */
export type SnapshotResult<OnDevice extends boolean> = OnDevice extends true
  ? DeviceProxySnapshot<DeviceArray>
  : ProxySnapshot;

/**
 * Keeps the proxies of the policy that made `logits` without keeping its logits, for `proxy: 'snapshot'` in
 * later steps. Off the event loop.
 *
 * @param logits - Of the old policy, `[B, T, V]` or `[N, V]`.
 * @throws {LpRegError} `ERR_SNAPSHOT_TOO_LARGE`, `ERR_MISSING` (filter), `ERR_NON_FINITE_LOGITS`, and as
 *   {@link tokenStats}.
 * @example
 * const snapshot = await proxySnapshot(oldLogits, { filter: { kind: 'min-p', kappa: 0.02 } });
 * const policyLoss = new PolicyLoss({ objective: 'lp-reg', proxy: 'snapshot' });
 * await policyLoss.forward({ logits, actions, oldLogProbs, advantages, proxySnapshot: snapshot });
 */
export async function proxySnapshot<OnDevice extends boolean = false>(
  logits: AnyTensor,
  options: ProxySnapshotOptions<OnDevice> & JobOptions,
): Promise<SnapshotResult<OnDevice>> {
  const [fields, job] = OPTIONS.job(options);
  const call = snapshotCall(logits, fields);
  const value = await runJob(call.context, 'proxySnapshot', call.values, job, call.rows);
  return call.result(value) as SnapshotResult<OnDevice>;
}

/**
 * {@link proxySnapshot} on this thread.
 * @throws {LpRegError} As {@link proxySnapshot}, except `ERR_ABORTED`.
 */
export function proxySnapshotSync<OnDevice extends boolean = false>(
  logits: AnyTensor,
  options: ProxySnapshotOptions<OnDevice>,
): SnapshotResult<OnDevice> {
  const call = snapshotCall(logits, OPTIONS.sync(options));
  return call.result(run(call.context, 'proxySnapshot', call.values)) as SnapshotResult<OnDevice>;
}

function snapshotCall(logits: AnyTensor, fields: CallFields<keyof ProxySnapshotOptions>) {
  const options = readRowOptions({ ...fields, nonFinite: undefined });
  if (fields.filter === undefined) throw missing('filter', 'a proxy needs one');
  const filter = checkFilter(fields.filter, 'filter');
  const batch = maskedLogits(logits, arrayArgument(fields.mask), options.temperature);
  const { data, shape } = batch.logits;
  const { values, rows } = batch;
  const context = contextFor(options, data, 'logits');
  const keeps = readKeepOnDevice(fields.keepOnDevice, data) !== undefined;
  values[AT.allocate] = allocateByName;
  values[AT.options] = rowOptionsArgument({ ...options, filter, proxy: 'current' });
  values[AT.max_entries] = readMaxEntries(fields.maxEntries);
  values[AT.keep_on_device] = keeps;
  const sizes = { rows, vocab: shape.at(-1) as number, temperature: options.temperature };
  const result = (value: OperationValues['proxySnapshot']): ProxySnapshot | DeviceProxySnapshot => {
    const arrays = Object.entries(SNAPSHOT_DTYPES).map(([name, dtype]) => {
      const array = value[SNAPSHOT_FIELDS[name as SnapshotField]];
      return [name, keeps ? DeviceArray.ofHandle(dtype, array as object) : array];
    });
    return { ...sizes, ...Object.fromEntries(arrays) };
  };
  return { context, values, rows, result };
}

type SnapshotField = keyof typeof SNAPSHOT_FIELDS;

const SNAPSHOT_DTYPES = {
  rowPtr: 'int64',
  ids: 'int32',
  logQ: 'float32',
  logKeptMass: 'float32',
  uniform: 'uint8',
} as const satisfies Record<SnapshotField, DeviceDtype>;

const entryCount = integerFrom(0);

function readMaxEntries(value: unknown): number {
  return value === undefined ? DEFAULT_MAX_ENTRIES : entryCount(value, 'maxEntries');
}
