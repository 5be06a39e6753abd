import type { DeviceArray } from '../native/device-array.js';
import type { ResolvedOptions } from '../options/option-types.js';
import { seal } from '../tensors/own-fields.js';

/** Per-token results, each `[N]` in the order of the rows; 0 where the mask is 0. */
export interface TokenArrays {
  /** Log-probability of the action, in nats, at most 0. */
  readonly logProbs: Float32Array;
  /** Entropy of the row, in nats. */
  readonly entropy: Float32Array;
  /** Log of the probability mass that the filter keeps, at most 0; `-Infinity` where the proxy is uniform. */
  readonly logKeptMass: Float32Array;
  /** Log-probability of the action under the proxy; `-Infinity` where it was filtered out. */
  readonly proxyLogProbs: Float32Array;
  /** KL(q‖p) of the proxy to the current policy, in nats. */
  readonly kl: Float32Array;
  /**
   * Loss of the token before its weight, with rollout weight and Lp-Reg term, without entropy and reference
   * terms.
   */
  readonly tokenLoss: Float32Array;
  /** d loss / d log-probability. */
  readonly coefLogProb: Float32Array;
  /** d loss / d entropy. */
  readonly coefEntropy: Float32Array;
  /** d loss / d KL(q‖p). */
  readonly coefKl: Float32Array;
  /** Weight of the token in the loss (docs/semantics.md §4). */
  readonly weight: Float32Array;
  /** Log of the sum of `exp(z / temperature)` over the row. */
  readonly logSumExp: Float32Array;
  /** Number of tokens that the filter keeps. */
  readonly keepCount: Int32Array;
  /** 1 where the action is an exact maximiser of its row. */
  readonly actionIsMax: Uint8Array;
  /** 1 where the token is regularised (Lp-Reg), penalised (KL-Cov), zeroed (Clip-Cov) or kept (80/20). */
  readonly selected: Uint8Array;
  /** 1 where the ratio was clipped. */
  readonly clipped: Uint8Array;
  /** 1 where the dual clip acted. */
  readonly dualClipped: Uint8Array;
  /** 1 for Clip-Cov's candidates. */
  readonly candidate: Uint8Array;
}

/** Name of a per-token result. */
export type TokenField = keyof TokenArrays;

/** Fields that every loss has, and gives unless told otherwise. */
export type DefaultTokenField =
  | 'logProbs'
  | 'entropy'
  | 'tokenLoss'
  | 'coefLogProb'
  | 'weight'
  | 'clipped'
  | 'selected';

/** {@link TokenArrays} in the memory of a CUDA device. Each lives until it is disposed of or collected. */
export type DeviceTokenArrays = { readonly [Field in TokenField]: DeviceArray };

/**
 * Per-token results that were asked for; others may be there too.
 * @typeParam OnDevice - Whether they were kept on the device.
 */
export type TokenResults<Field extends TokenField, OnDevice extends boolean = false> = OnDevice extends true
  ? Pick<DeviceTokenArrays, Field> & Partial<DeviceTokenArrays>
  : Pick<TokenArrays, Field> & Partial<TokenArrays>;

const RARE_FIELDS: readonly TokenField[] = ['logSumExp', 'actionIsMax'];
const ROW_FIELDS: readonly TokenField[] = ['logProbs', 'entropy', ...RARE_FIELDS];
const PROXY_FIELDS: readonly TokenField[] = ['logKeptMass', 'proxyLogProbs', 'kl', 'keepCount'];
const ACTION_FIELDS: readonly TokenField[] = ['logProbs', 'proxyLogProbs', 'actionIsMax'];
const OBJECTIVE_FIELDS: readonly TokenField[] = [
  'tokenLoss',
  'coefLogProb',
  'coefEntropy',
  'coefKl',
  'weight',
  'selected',
  'clipped',
];

/** Statistics of the rows under a proxy; stored log-probs have nothing but themselves. */
export function statsFields(proxy: string | undefined, hasActions: boolean): readonly TokenField[] {
  const none = proxy === undefined || proxy === 'none';
  const ofProxy: readonly TokenField[] = proxy === 'stored' ? ['proxyLogProbs'] : PROXY_FIELDS;
  const fields = [...ROW_FIELDS, ...(none ? [] : ofProxy)];
  return hasActions ? fields : fields.filter((field) => !ACTION_FIELDS.includes(field));
}

/** Fields of the scalar stage. */
export function objectiveFields(options: ResolvedOptions): readonly TokenField[] {
  const fields = [...OBJECTIVE_FIELDS];
  if (seal(options).dualClip !== undefined) fields.push('dualClipped');
  if (options.objective === 'clip-cov') fields.push('candidate');
  return fields;
}

/** Every field that a loss can give. */
export function lossFields(options: ResolvedOptions): readonly TokenField[] {
  const proxy = options.objective === 'lp-reg' ? options.proxy : undefined;
  return [...statsFields(proxy, true), ...objectiveFields(options)];
}

/**
 * Those given by default: all but two that few want, and a KL to another policy where the loss does not use it,
 * since it costs a sweep over each row.
 */
export function defaultLossFields(options: ResolvedOptions): readonly TokenField[] {
  const wantsKl = options.objective === 'lp-reg' && (options.proxy === 'current' || options.form === 'paper');
  const unwanted: readonly TokenField[] = wantsKl ? RARE_FIELDS : [...RARE_FIELDS, 'kl'];
  return lossFields(options).filter((field) => !unwanted.includes(field));
}
