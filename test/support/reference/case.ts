/** One batch in the layout of SEMANTICS §9, with every hyper-parameter's default resolved in one place. */

export type LossName =
  | 'grpo'
  | 'gspo'
  | 'kl-cov'
  | 'clip-cov'
  | '80-20'
  | 'lp-reg-reference'
  | 'lp-reg-paper'
  | 'lp-reg-kept'
  | 'cispo'
  | 'sapo';

export type Aggregation =
  | 'token-mean'
  | 'seq-mean-token-sum'
  | 'seq-mean-token-mean'
  | 'seq-mean-token-sum-norm';

/** Sampled KL estimators; `kl` is `k1` and `mse` is `k2`. */
export type EstimatorName = 'kl' | 'k1' | 'abs' | 'mse' | 'k2' | 'low_var_kl' | 'k3';

export interface HyperParameters {
  low?: number;
  high?: number;
  dual?: number;
  ratio_cap?: number;
  k_percent?: number;
  coef?: number;
  ratio?: number;
  lb?: number;
  ub?: number;
  frac?: number;
  rho?: number;
  rho_neg?: number;
  rho_pos?: number;
  beta?: number;
  estimator?: EstimatorName;
  interp?: 'lower' | 'linear';
  select_on?: 'current' | 'old';
  prob_threshold?: number;
  tau_pos?: number;
  tau_neg?: number;
}

export interface FilterSpec {
  mode: 'min-p' | 'fixed';
  value: number;
  on: 'scaled' | 'raw';
  empty: 'argmax' | 'uniform';
  source: 'current' | 'old' | 'stored';
}

export interface Extras {
  entropy_coef?: number;
  kl_ref_coef?: number;
  kl_ref_type?: EstimatorName;
}

export interface CaseMeta {
  name: string;
  loss: LossName;
  B: number;
  T: number;
  V: number;
  temperature: number;
  agg: Aggregation;
  agg_eps: number;
  kl_bound: number;
  hyper: HyperParameters;
  softcap?: number;
  extras: Extras;
  filter: FilterSpec | null;
  logits_copy: 'bf16' | 'f16' | null;
}

/** Inputs of one evaluation; arrays are flat `[B*T]`, or `[B*T*V]` for logits. */
export interface ReferenceInput {
  meta: CaseMeta;
  logits: Float32Array | Float64Array;
  /** Bits of the bf16 or f16 copy that `meta.logits_copy` names. */
  logits16?: Uint16Array;
  oldLogits?: Float32Array;
  actions: Int32Array;
  oldLogp: Float32Array;
  advantages: Float32Array;
  mask: Uint8Array;
  refLogp?: Float32Array;
  rolloutWeights?: Float32Array;
  storedProxyLogp?: Float32Array;
  /** Clip-Cov: the tokens drawn for zeroing. */
  chosen?: Uint8Array;
  /** Given denominators, used exactly and without `agg_eps` (SEMANTICS §4). */
  tokenCount?: number;
  sequenceCount?: number;
  sequenceLengths?: Float64Array;
  maxLength?: number;
}

type Defaults = Required<Omit<HyperParameters, 'dual' | 'ratio_cap' | 'prob_threshold'>>;

/** Hyper-parameters with SEMANTICS §9 defaults filled in. */
export type ResolvedHyper = HyperParameters & Defaults;

const COMMON_DEFAULTS: Defaults = {
  low: 0.2,
  high: 0.2,
  k_percent: 0.2,
  coef: 1,
  ratio: 2e-4,
  lb: 1,
  ub: 5,
  frac: 0.2,
  rho: 0.01,
  rho_neg: 0.01,
  rho_pos: 0,
  beta: 1,
  estimator: 'low_var_kl',
  interp: 'linear',
  select_on: 'current',
  tau_pos: 1,
  tau_neg: 1.05,
};

export function isLpReg(loss: LossName): boolean {
  return loss.startsWith('lp-reg');
}

function clipDefaults(loss: LossName): { low: number; high: number } {
  if (isLpReg(loss)) return { low: 1, high: 9 };
  if (loss === 'gspo') return { low: 3e-4, high: 4e-4 };
  return { low: 0.2, high: 0.2 };
}

export function resolveHyper(meta: Pick<CaseMeta, 'loss' | 'hyper'>): ResolvedHyper {
  return { ...COMMON_DEFAULTS, ...clipDefaults(meta.loss), ...meta.hyper };
}

/** Flat indices of the valid tokens, ascending. */
export function validTokens(input: ReferenceInput): number[] {
  const valid: number[] = [];
  input.mask.forEach((bit, index) => {
    if (bit === 1) valid.push(index);
  });
  return valid;
}
