import type { DeviceData } from './device-data.js';

/**
 * Proxies of an old policy, kept in compressed rows instead of its logits: the proxy of row `i` has
 * probability `exp(logQ[k])` at token `ids[k]` for `rowPtr[i] <= k < rowPtr[i + 1]`, or `1 / vocab`
 * everywhere where `uniform[i]` is 1. Plain data: it can be posted to a worker or written to a file. Made by
 * `proxySnapshot`, used by `proxy: 'snapshot'`.
 */
export interface ProxySnapshot {
  /** Rows of the batch that it was taken from. */
  readonly rows: number;
  readonly vocab: number;
  /** Temperature of the proxies; the loss that uses them must have the same. */
  readonly temperature: number;
  /** `[rows + 1]` ascending from 0. */
  readonly rowPtr: BigInt64Array;
  /** Token ids, ascending in each row. */
  readonly ids: Int32Array;
  /** Log-probability of each, in nats, at most 0. */
  readonly logQ: Float32Array;
  /** `[rows]` log of the old policy's probability mass on the kept set; `-Infinity` on uniform rows. */
  readonly logKeptMass: Float32Array;
  /** `[rows]` 1 where nothing passed the filter and the proxy is uniform. */
  readonly uniform: Uint8Array;
}

/**
 * {@link ProxySnapshot} in the memory of a CUDA device.
 * @typeParam Memory - `DeviceArray` where `proxySnapshot` has made it.
 */
export interface DeviceProxySnapshot<Memory extends DeviceData = DeviceData>
  extends Pick<ProxySnapshot, 'rows' | 'vocab' | 'temperature'> {
  /** `[rows + 1]` int64. */
  readonly rowPtr: Memory;
  /** int32 */
  readonly ids: Memory;
  /** float32 */
  readonly logQ: Memory;
  /** `[rows]` float32. */
  readonly logKeptMass: Memory;
  /** `[rows]` uint8. */
  readonly uniform: Memory;
}
