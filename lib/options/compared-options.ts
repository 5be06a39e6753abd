import type { AggregationOptions, ClipOptions, CommonOptions, SurrogateOptions } from './common-options.js';

/** GRPO, PPO and their relatives: the clipped surrogate. Clip 0.2 / 0.2 (docs/semantics.md §3). */
export interface GrpoOptions extends CommonOptions, AggregationOptions, SurrogateOptions {
  readonly objective: 'grpo';
}

/**
 * GSPO: one ratio per sequence. Clip 3e-4 / 4e-4; always a mean over sequences of token means
 * (docs/semantics.md §7).
 */
export interface GspoOptions extends CommonOptions, SurrogateOptions {
  readonly objective: 'gspo';
}

/** KL-Cov: no clip; the tokens with the largest covariance are penalised (docs/semantics.md §7). */
export interface KlCovOptions extends CommonOptions, AggregationOptions {
  readonly objective: 'kl-cov';
  /**
   * Percent of the valid tokens that are penalised, one at least; 0 for none. Finite, from 0.
   * @default 0.2
   */
  readonly kPercent?: number | undefined;
  /** Weight of their `|logProb - oldLogProb|`. Finite, from 0. @default 1 */
  readonly klCovCoef?: number | undefined;
}

/** Clip-Cov: some tokens of large covariance lose their gradient. Clip 0.2 / 0.2 (docs/semantics.md §7). */
export interface ClipCovOptions extends CommonOptions, AggregationOptions, SurrogateOptions {
  readonly objective: 'clip-cov';
  /** Fraction of the valid tokens that are zeroed, one at least. In [0, 1]. @default 2e-4 */
  readonly clipCovRatio?: number | undefined;
  /** Candidates have a covariance above this. At most `covHigh`. @default 1 */
  readonly covLow?: number | undefined;
  /** Candidates have a covariance below this. @default 5 */
  readonly covHigh?: number | undefined;
  /**
   * Draws the candidates to zero where the batch has no `chosen`. An integer from 0 below 2^53.
   * @default 0
   */
  readonly seed?: number | undefined;
}

/** 80/20: only the tokens of highest entropy count. Clip 0.2 / 0.2 (docs/semantics.md §7). */
export interface TopEntropyOptions extends CommonOptions, AggregationOptions, SurrogateOptions {
  readonly objective: '80-20';
  /** Fraction of the valid tokens that count, one at least. In [0, 1]. @default 0.2 */
  readonly topFraction?: number | undefined;
}

/** CISPO: the clipped ratio is a constant weight. Clip 0.2 / 0.2 (docs/semantics.md §7). */
export interface CispoOptions extends CommonOptions, AggregationOptions, ClipOptions {
  readonly objective: 'cispo';
}

/** SAPO: a soft gate in place of a clip (docs/semantics.md §7). */
export interface SapoOptions extends CommonOptions, AggregationOptions {
  readonly objective: 'sapo';
  /** Steepness of the gate where the advantage is above 0. Finite, above 0. @default 1 */
  readonly tauPos?: number | undefined;
  /** Steepness of the gate elsewhere. Finite, above 0. @default 1.05 */
  readonly tauNeg?: number | undefined;
}
