import type { AggregationOptions, CommonOptions, KlEstimator, SurrogateOptions } from './common-options.js';

/** Keeps the tokens whose probability is at least `kappa` times that of the likeliest. */
export interface MinPFilter {
  readonly kind: 'min-p';
  /** In [0, 1]: 0 keeps every token of finite logit, 1 the likeliest only. */
  readonly kappa: number;
  /**
   * What is filtered: the logits over the temperature, or `raw` as the released code does.
   * @default 'scaled'
   */
  readonly on?: 'scaled' | 'raw' | undefined;
}

/** Keeps the tokens whose probability is at least `tau`. */
export interface FixedFilter {
  readonly kind: 'fixed';
  /** In (0, 1]. */
  readonly tau: number;
  /**
   * What is filtered: the logits over the temperature, or `raw` as the released code does.
   * @default 'scaled'
   */
  readonly on?: 'scaled' | 'raw' | undefined;
  /**
   * The proxy where no token passes: the likeliest tokens, or all tokens alike as in the released code.
   * @default 'argmax'
   */
  readonly empty?: 'argmax' | 'uniform' | undefined;
}

/** Which tokens the proxy distribution `q` keeps (docs/semantics.md §1). */
export type Filter = MinPFilter | FixedFilter;

/** The proxy is taken from logits. */
export interface FilteredProxy {
  /** @default { kind: 'min-p', kappa: 0.02, on: 'scaled' } */
  readonly filter?: Filter | undefined;
  /** From these logits, or from the batch's `oldLogits`. @default 'current' */
  readonly proxy?: 'current' | 'old' | undefined;
}

/** The proxy was filtered before: the batch's `proxySnapshot`. */
export interface SnapshotProxy {
  readonly proxy: 'snapshot';
}

/** The proxy's log-probability of each action is given: the batch's `proxyLogProbs`. */
export interface StoredProxy {
  readonly proxy: 'stored';
}

/** Options of Lp-Reg in every form (docs/semantics.md §6). Clip 1 / 9. */
export interface LpRegCommonOptions extends CommonOptions, AggregationOptions, SurrogateOptions {
  readonly objective: 'lp-reg';
  /** Weight of the regulariser. Finite, from 0. @default 1 */
  readonly beta?: number | undefined;
}

/** What the ranking and the threshold of a selection look at. */
export interface SelectionOptions {
  /**
   * The current log-probabilities, or `oldLogProbs`: then the selection is known before the logits are read,
   * and loss and gradient share one pass over them.
   * @default 'current'
   */
  readonly selectOn?: 'current' | 'old' | undefined;
}

/** The paper's form: KL(q‖p) on tokens of negative advantage below the `rho`-quantile of probability. */
export type LpRegPaperOptions = LpRegCommonOptions &
  SelectionOptions &
  (FilteredProxy | SnapshotProxy) & {
    readonly form?: 'paper' | undefined;
    /** Quantile of the tokens' probabilities that counts as unlikely. In [0, 1]. @default 0.01 */
    readonly rho?: number | undefined;
    /** The order statistic below the quantile's place, or between its neighbours. @default 'lower' */
    readonly interpolation?: 'lower' | 'linear' | undefined;
    /** Of form `reference`. */
    readonly rhoNeg?: undefined;
    /** Of form `reference`. */
    readonly rhoPos?: undefined;
    /** Of forms `reference` and `kept`. */
    readonly estimator?: undefined;
  };

/** The released code's form: a sampled KL on the lowest `rho` of the negative tokens, unclipped there. */
export type LpRegReferenceOptions = LpRegCommonOptions &
  SelectionOptions &
  (FilteredProxy | SnapshotProxy | StoredProxy) & {
    readonly form: 'reference';
    /** Fraction of the tokens of negative advantage that is considered. In [0, 1]. @default 0.01 */
    readonly rhoNeg?: number | undefined;
    /** Fraction of the tokens of positive advantage that is considered. In [0, 1]. @default 0 */
    readonly rhoPos?: number | undefined;
    /** Estimator of the KL to the proxy. @default 'k3' */
    readonly estimator?: KlEstimator | undefined;
  };

/** Our form: a sampled KL on every negative token that the filter keeps and that is not the likeliest. */
export type LpRegKeptOptions = LpRegCommonOptions &
  (FilteredProxy | SnapshotProxy | StoredProxy) & {
    readonly form: 'kept';
    /** Estimator of the KL to the proxy. @default 'k3' */
    readonly estimator?: KlEstimator | undefined;
  };

/** Lp-Reg (arXiv 2510.03222): keeps unlikely but sensible tokens alive. */
export type LpRegOptions = LpRegPaperOptions | LpRegReferenceOptions | LpRegKeptOptions;
