/**
 * Scalars that a trainer logs. Means are over the valid tokens of the batch, 0 when there are none; NaN where
 * a metric does not apply to the loss, or what it needs was not computed.
 */
export interface LossMetrics {
  /** Loss without entropy and reference terms. */
  readonly policyLoss: number;
  /** Aggregated entropy; the loss has `-entropyCoef` times it. NaN unless `entropy` is computed. */
  readonly entropyTerm: number;
  /** Aggregated KL to the reference policy; the loss has `klRefCoef` times it. */
  readonly refKlTerm: number;
  /** Mean entropy, in nats. NaN unless `entropy` is computed. */
  readonly entropy: number;
  /** Fraction of the tokens whose ratio was clipped. */
  readonly clipFraction: number;
  /** Fraction of the tokens that the dual clip bounded. */
  readonly dualClipFraction: number;
  /** Estimate of the KL between old and current policy: mean of `r - 1 - log r`. */
  readonly approxKl: number;
  readonly ratioMin: number;
  readonly ratioMax: number;
  readonly ratioMean: number;
  /** Lp-Reg: mean probability mass that the filter keeps. */
  readonly keptMass: number;
  /** Lp-Reg: mean KL(q‖p). NaN unless `kl` is computed. */
  readonly proxyKl: number;
  /** Lp-Reg: mean kept mass over the tokens of negative advantage. */
  readonly keptMassNegative: number;
  /** Lp-Reg: mean kept mass over the regularised tokens. */
  readonly keptMassSelected: number;
  /**
   * Lp-Reg: pull of the regulariser on the negative tokens over that of the policy term. 0: Lp-Reg is
   * inactive; near or above 1: it dominates.
   */
  readonly pullRatio: number;
  /** Lp-Reg in form `paper`: the probability below which a token counted as unlikely. */
  readonly probThreshold: number;
  /** Valid tokens. */
  readonly validCount: number;
  /** Valid tokens of negative advantage. */
  readonly negativeCount: number;
  /** Lp-Reg: tokens inside the `rho` selection; in form `kept`, which has none, all negative ones. */
  readonly lowestCount: number;
  /** Tokens that were selected, see `TokenArrays.selected`. */
  readonly selectedCount: number;
}

/**
 * Metrics of a result of the library.
 * @param scalars - The loss, then the metrics in the order of `METRIC_FIELDS`.
 */
export function lossMetrics(scalars: Float64Array): LossMetrics {
  const at = (position: number) => scalars[position] as number;
  return {
    policyLoss: at(1),
    entropyTerm: at(2),
    refKlTerm: at(3),
    entropy: at(4),
    clipFraction: at(5),
    dualClipFraction: at(6),
    approxKl: at(7),
    ratioMin: at(8),
    ratioMax: at(9),
    ratioMean: at(10),
    keptMass: at(11),
    proxyKl: at(12),
    keptMassNegative: at(13),
    keptMassSelected: at(14),
    pullRatio: at(15),
    probThreshold: at(16),
    validCount: at(17),
    negativeCount: at(18),
    lowestCount: at(19),
    selectedCount: at(20),
  };
}
