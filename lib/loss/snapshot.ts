import { LpRegError } from '../errors.js';
import type { OperationValues } from '../native/addon-types.js';
import { AT } from '../native/arguments.js';
import { maskedLogits } from '../native/batch-argument.js';
import { contextOf } from '../native/context.js';
import { type JobOptions, run, runJob } from '../native/jobs.js';
import { rowOptionsArgument } from '../native/option-arguments.js';
import { integerFrom, missing } from '../options/checks.js';
import { checkFilter } from '../options/option-checks.js';
import type { Backend, DeviceCallOptions, Filter } from '../options/option-types.js';
import { DeviceData } from '../tensors/device-data.js';
import type { ProxySnapshot } from '../tensors/proxy-snapshot.js';
import type { Tensor } from '../tensors/tensor.js';
import { allocateByName } from './allocate.js';
import { type CallFields, callOptions } from './call-options.js';
import { readRowOptions } from './token-stats-options.js';

/** Options of {@link proxySnapshot}. */
export interface ProxySnapshotOptions extends DeviceCallOptions {
  /** Which tokens the proxies keep. */
  readonly filter: Filter;
  /** That of the loss that will use the snapshot. Finite, above 0. @default 1 */
  readonly temperature?: number | undefined;
  /** Replaces each logit `z` by `softcap * tanh(z / softcap)`. Finite, above 0. @default off */
  readonly softcap?: number | undefined;
  /** `[N]` 1 for tokens that count; others get no proxy. @default all count */
  readonly mask?: Uint8Array | undefined;
  /**
   * Most kept tokens over all rows, at 8 bytes each: on flat rows a filter may keep the whole vocabulary. An
   * integer from 0.
   * @default 67108864 (2^26, half a gibibyte)
   */
  readonly maxEntries?: number | undefined;
  /** `'cuda'` is `ERR_BACKEND_UNAVAILABLE`: snapshots are taken on the CPU. @default 'auto' */
  readonly backend?: Backend | undefined;
}

const DEFAULT_MAX_ENTRIES = 2 ** 26;

const noOptions = () => ({
  filter: undefined,
  temperature: undefined,
  softcap: undefined,
  mask: undefined,
  maxEntries: undefined,
  backend: undefined,
  device: undefined,
  stagingBytes: undefined,
});

const OPTIONS = callOptions(noOptions);

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
export async function proxySnapshot(
  logits: Tensor,
  options: ProxySnapshotOptions & JobOptions,
): Promise<ProxySnapshot> {
  const [fields, job] = OPTIONS.job(options);
  const call = snapshotCall(logits, fields);
  return call.result(await runJob(call.context, 'proxySnapshot', call.values, job, call.rows));
}

/**
 * {@link proxySnapshot} on this thread.
 * @throws {LpRegError} As {@link proxySnapshot}, except `ERR_ABORTED`.
 */
export function proxySnapshotSync(logits: Tensor, options: ProxySnapshotOptions): ProxySnapshot {
  const call = snapshotCall(logits, OPTIONS.sync(options));
  return call.result(run(call.context, 'proxySnapshot', call.values));
}

function snapshotCall(logits: Tensor, fields: CallFields<keyof ProxySnapshotOptions>) {
  const options = readRowOptions({ ...fields, nonFinite: undefined });
  if (fields.filter === undefined) throw missing('filter', 'a proxy needs one');
  const filter = checkFilter(fields.filter, 'filter');
  const batch = maskedLogits(logits, fields.mask, options.temperature);
  if (batch.logits.data instanceof DeviceData) {
    const message = 'logits: proxy snapshots are taken on the CPU; download them first';
    throw new LpRegError('ERR_BACKEND_UNAVAILABLE', message, { argument: 'logits' });
  }
  const { values } = batch;
  values[AT.allocate] = allocateByName;
  values[AT.options] = rowOptionsArgument({ ...options, filter, proxy: 'current' });
  values[AT.max_entries] = readMaxEntries(fields.maxEntries);
  const result = (value: OperationValues['proxySnapshot']): ProxySnapshot => ({
    rows: batch.rows,
    vocab: batch.logits.shape.at(-1) as number,
    temperature: options.temperature,
    rowPtr: value.row_ptr,
    ids: value.ids,
    logQ: value.log_q,
    logKeptMass: value.log_kept_mass,
    uniform: value.uniform,
  });
  return { context: contextOf(options), values, rows: batch.rows, result };
}

const entryCount = integerFrom(0);

function readMaxEntries(value: unknown): number {
  return value === undefined ? DEFAULT_MAX_ENTRIES : entryCount(value, 'maxEntries');
}
