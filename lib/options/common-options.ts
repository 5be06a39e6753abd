/** How token losses are averaged; weights of docs/semantics.md §4. */
export type Aggregation =
  | 'token-mean'
  | 'seq-mean-token-sum'
  | 'seq-mean-token-mean'
  | 'seq-mean-token-sum-norm';

/** Estimators of a KL from one sample (docs/semantics.md §5), each clamped to [-10, 10]. */
export type KlEstimator = 'k1' | 'k2' | 'k3' | 'abs';

/** Where the loss is computed. */
export type Backend = 'auto' | 'cpu' | 'cuda';

/** How the CUDA back end is used; an error without `backend: 'cuda'`. */
export interface DeviceCallOptions {
  /**
   * Ordinal of the CUDA device that computes tensors of the host, from 0; `DeviceTensor`s must be on it.
   * @default that of the `DeviceTensor`s, 0 for tensors of the host
   */
  readonly device?: number | undefined;
  /**
   * Bytes of device memory, and of pinned memory of the host, through which tensors of the host pass in chunks. At
   * least one row must fit, twice where the loss reads old logits too or the gradient has another dtype. The memory
   * is kept for later calls with the same number. An integer from 1.
   * @default 201326592 (192 MiB)
   */
  readonly stagingBytes?: number | undefined;
}

/** Options of every loss. */
export interface CommonOptions extends DeviceCallOptions {
  /** Divides the logits before every probability. Finite, above 0. @default 1 */
  readonly temperature?: number | undefined;
  /**
   * Replaces each logit `z` by `softcap * tanh(z / softcap)`, as Gemma does. Finite, above 0.
   * @default off
   */
  readonly softcap?: number | undefined;
  /**
   * Entropy bonus: `loss - entropyCoef * (aggregated entropy)`. Finite; a negative value punishes entropy.
   * @default 0
   */
  readonly entropyCoef?: number | undefined;
  /**
   * `loss + klRefCoef * (aggregated KL to the reference policy)`; the batch then needs `refLogProbs`. Finite.
   * @default 0
   */
  readonly klRefCoef?: number | undefined;
  /** Estimator of that KL; an error without `klRefCoef`. @default 'k3' */
  readonly klRefEstimator?: KlEstimator | undefined;
  /**
   * What a valid row with NaN, `+Infinity` or only `-Infinity` does, and a token whose loss overflows: throw
   * (`ERR_NON_FINITE_LOGITS`, `ERR_NON_FINITE_LOSS`), or give NaN in that row and in the loss.
   * @default 'error'
   */
  readonly nonFinite?: 'error' | 'propagate' | undefined;
  /**
   * Reads the logits once more to check them before an in-place gradient overwrites any. An error with
   * `nonFinite: 'propagate'`, which checks nothing. @default false
   */
  readonly checkFirst?: boolean | undefined;
  /**
   * `'auto'` computes where the tensors are: on the CPU, or on the device of a `DeviceTensor`. `'cuda'` computes on
   * a CUDA device, to which tensors of the host are copied in chunks and back; where there is none it fails with
   * `ERR_BACKEND_UNAVAILABLE` and the reason, and never falls back to the CPU.
   * @default 'auto'
   */
  readonly backend?: Backend | undefined;
}

/** Options of every loss but GSPO, which has one aggregation only. */
export interface AggregationOptions {
  /** How token losses are averaged. @default 'token-mean' */
  readonly aggregation?: Aggregation | undefined;
}

/** Clipping of the probability ratio `r` (docs/semantics.md §3). */
export interface ClipOptions {
  /**
   * The ratio is clipped below `1 - clipLow`. Finite, from 0; 1 leaves that side open.
   * @default by objective
   */
  readonly clipLow?: number | undefined;
  /**
   * The ratio is clipped above `1 + clipHigh`. From 0; `Infinity` leaves that side open.
   * @default by objective
   */
  readonly clipHigh?: number | undefined;
}

/** Further bounds of the losses that have the clipped surrogate of PPO. */
export interface SurrogateOptions extends ClipOptions {
  /**
   * Dual clip: bounds the loss of a token with a negative advantage by `-A * dualClip`. Finite, above 1.
   * @default off
   */
  readonly dualClip?: number | undefined;
  /** Two-sided clip (INTELLECT-2): bounds the ratio of the unclipped term. Finite, above 0. @default off */
  readonly ratioCap?: number | undefined;
}
