import type { DeviceProxySnapshot, ProxySnapshot } from './proxy-snapshot.js';
import type { OnDevice, Tensor } from './tensor.js';

/**
 * What per-token inputs and results hold one element for: the rows of the logits in memory order, `b * T + t`
 * in a padded batch `[B, T]`, `N` in all. Where the mask is 0 nothing is read, neither logits nor any other
 * input.
 */
interface Rows {
  /** `[N]` 1 for tokens that count, 0 for padding. Anything else is `ERR_MASK`. @default all count */
  readonly mask?: Uint8Array | undefined;
  /**
   * `[B + 1]` where each sequence of packed rows begins, from 0 to `N`; sequences may be empty. Needed with
   * logits `[N, V]`, an error with `[B, T, V]`.
   */
  readonly cuSeqLens?: Int32Array | BigInt64Array | undefined;
}

/** Inputs of the policy loss, per token, apart from its logits (docs/semantics.md §§3-7). */
export interface ObjectiveInputs extends Rows {
  /** `[N]` log-probability of each action under the policy that sampled it, in nats. */
  readonly oldLogProbs: Float32Array;
  /** `[N]`, or `[B]` for one per sequence; where `N` equals `B` it is taken per token. */
  readonly advantages: Float32Array;
  /**
   * `[N]` log-probability of each action under the reference policy; with `klRefCoef` other than 0, and only
   * then.
   */
  readonly refLogProbs?: Float32Array | undefined;
  /** `[N]` importance weights of the rollout engine; they multiply the policy term. @default 1 */
  readonly rolloutWeights?: Float32Array | undefined;
  /**
   * `[N]` proxy log-probability of each action, `-Infinity` where filtered out; with `proxy: 'stored'`, and
   * only then.
   */
  readonly proxyLogProbs?: Float32Array | undefined;
  /** `[N]` 1 for the candidates that Clip-Cov is to zero. @default drawn with the option `seed` */
  readonly chosen?: Uint8Array | undefined;
  /**
   * Lp-Reg in form `paper`: the probability below which a token counts as unlikely, in place of the
   * `rho`-quantile of this batch. Known beforehand it lets loss and gradient share one pass over the logits.
   * Finite, from 0.
   */
  readonly probThreshold?: number | undefined;
  /** Divisor of `aggregation: 'token-mean'`, above 0. @default the number of valid tokens */
  readonly tokenCount?: number | undefined;
  /** `B` of the modes that begin with `seq-mean`, above 0. @default the number of sequences */
  readonly sequenceCount?: number | undefined;
  /** `[B]` divisors of `seq-mean-token-mean`, above 0. @default the valid tokens of each sequence */
  readonly sequenceLengths?: Float64Array | readonly number[] | undefined;
  /** Divisor of `seq-mean-token-sum-norm`, above 0. @default `T`; packed: the longest sequence */
  readonly maxLength?: number | undefined;
}

/** Logits and what the proxy of Lp-Reg is taken from. */
interface LogitsInputs {
  /** `[B, T, V]`, or `[N, V]` for packed rows. Row `i` is the distribution that action `i` was drawn from. */
  readonly logits: Tensor;
  /** Logits of the old policy, of the same shape; with `proxy: 'old'`, and only then. */
  readonly oldLogits?: Tensor | undefined;
  /** With `proxy: 'snapshot'`, and only then. */
  readonly proxySnapshot?: ProxySnapshot | undefined;
}

/**
 * A batch of {@link PolicyLoss}.
 *
 * Synchronous calls read these arrays where they are. Asynchronous calls copy the per-token arrays when
 * called, and the logits too unless they are views of a `SharedArrayBuffer`. A result that is to be taken
 * backward keeps the batch: leave it unchanged until then.
 */
export interface PolicyLossBatch extends ObjectiveInputs, LogitsInputs {
  /** `[N]` sampled token ids, from 0 to `V - 1`. */
  readonly actions: Int32Array | BigInt64Array;
}

/** A batch of `tokenStats`. With `[N, V]` logits no sequences are needed. */
export interface TokenStatsBatch extends LogitsInputs {
  /** `[N]` token ids, from 0 to `V - 1`. @default none, and nothing that needs an action is computed */
  readonly actions?: Int32Array | BigInt64Array | undefined;
  /** `[N]` 1 for tokens that count, 0 for padding. @default all count */
  readonly mask?: Uint8Array | undefined;
}

/** Statistics of each token that the scalar stage starts from: those of `tokenStats`, or a trainer's own. */
export interface TokenStatistics {
  /** `[N]` log-probability of each action under the current policy, in nats. */
  readonly logProbs: Float32Array;
  /** `[N]` nats; with `entropyCoef` other than 0 and for `80-20`. */
  readonly entropy?: Float32Array | undefined;
  /** `[N]`; Lp-Reg in form `paper`. */
  readonly logKeptMass?: Float32Array | undefined;
  /** `[N]`; Lp-Reg with another proxy than `stored`. */
  readonly proxyLogProbs?: Float32Array | undefined;
  /** `[N]` KL(q‖p) in nats; Lp-Reg in form `paper`. */
  readonly kl?: Float32Array | undefined;
  /** `[N]` 1 where the action is an exact maximiser of its row; Lp-Reg in form `kept`. */
  readonly actionIsMax?: Uint8Array | undefined;
}

/** A batch of the scalar stage, `PolicyLoss.objective`: no logits. */
export interface ObjectiveBatch extends ObjectiveInputs {
  /** `[B, T]` of a padded batch; packed rows have `cuSeqLens` instead. */
  readonly shape?: readonly [sequences: number, tokens: number] | undefined;
  readonly tokens: TokenStatistics;
}

/** {@link PolicyLossBatch} on a CUDA device. */
export type DevicePolicyLossBatch = OnDevice<Omit<PolicyLossBatch, 'proxySnapshot'>> & {
  /** Of the host it is copied to the device in each call. */
  readonly proxySnapshot?: ProxySnapshot | DeviceProxySnapshot | undefined;
};

/** {@link TokenStatsBatch} on a CUDA device. */
export type DeviceTokenStatsBatch = OnDevice<Omit<TokenStatsBatch, 'proxySnapshot'>> &
  Pick<DevicePolicyLossBatch, 'proxySnapshot'>;

/** {@link ObjectiveBatch} whose `tokens.logProbs` are on a CUDA device. */
export type DeviceObjectiveBatch = OnDevice<ObjectiveBatch>;
