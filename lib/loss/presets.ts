/**
 * Published recipes. Each function returns options for `new PolicyLoss(...)`, with what it is given in place
 * of its own.
 *
 * @example
 * const policyLoss = new PolicyLoss(presets.dapo({ temperature: 0.7 }));
 *
 * @module
 */
import { positive } from '../options/checks.js';
import type {
  CispoOptions,
  ClipCovOptions,
  FilteredProxy,
  GrpoOptions,
  GspoOptions,
  KlCovOptions,
  LpRegKeptOptions,
  LpRegPaperOptions,
  LpRegReferenceOptions,
  SapoOptions,
  StoredProxy,
  TopEntropyOptions,
} from '../options/option-types.js';

/** Options of a loss, without the choice of the loss. */
export type Overrides<Options> = Partial<Omit<Options, 'objective' | 'form'>>;

/**
 * Lp-Reg as its paper has it (arXiv 2510.03222): full KL(q‖p) with `beta = 1` on tokens of negative
 * advantage below the 1 % quantile, proxy from the current logits under min-p with `kappa = 0.02`, clip 1 / 9,
 * token mean.
 */
export function lpRegPaper(overrides: Overrides<LpRegPaperOptions & FilteredProxy> = {}): LpRegPaperOptions {
  return { objective: 'lp-reg', form: 'paper', ...overrides };
}

/**
 * Lp-Reg as its released code has it (CarlanLark/Lp-Reg-dev): sampled `k3` with `beta = 1` on the lowest 1 %
 * of the negative tokens, clip 1 / 9, token mean. The batch needs `proxyLogProbs`: `tokens.proxyLogProbs` of
 * {@link tokenStats} on the logits of the policy that sampled, with `filter: { kind: 'min-p', kappa: 0.02,
 * on: 'raw' }`.
 */
export function lpRegReference(
  overrides: Omit<Overrides<LpRegReferenceOptions & StoredProxy>, 'proxy'> = {},
): LpRegReferenceOptions {
  return { objective: 'lp-reg', form: 'reference', ...overrides, proxy: 'stored' };
}

/**
 * Lp-Reg in our form, without `rho` (docs/semantics.md §6): sampled `k3` on every negative token that the
 * filter keeps and that is not the likeliest. Proxy from the current logits under min-p with `kappa = 0.02`,
 * `beta = 1` ({@link betaFromPullRatio} has a rule for it), clip 1 / 9, token mean.
 */
export function lpRegKept(overrides: Overrides<LpRegKeptOptions & FilteredProxy> = {}): LpRegKeptOptions {
  return { objective: 'lp-reg', form: 'kept', ...overrides };
}

/**
 * A beta for {@link lpRegKept}: the one at which the regulariser would have pulled with 0.3 of the policy term's
 * strength in the first batches. On the toys of docs/evidence.md this rule kept clear of the beta at which training
 * breaks down, at every amount of noise tried; it has not been tried on a language model.
 * @param pullRatio - Mean `metrics.pullRatio` of the first batches (20 there) at `beta = 1`. Finite, above 0.
 * @throws {LpRegError} `ERR_TYPE`, `ERR_OPTION`.
 * @example
 * const policyLoss = new PolicyLoss(presets.lpRegKept(presets.betaFromPullRatio(0.04))); // beta = 7.5
 */
export function betaFromPullRatio(pullRatio: number): { readonly beta: number } {
  return { beta: 0.3 / positive(pullRatio, 'pullRatio') };
}

/** PPO's clipped surrogate (arXiv 1707.06347): clip 0.2, mean over all tokens. */
export function ppo(overrides: Overrides<GrpoOptions> = {}): GrpoOptions {
  return { objective: 'grpo', clipLow: 0.2, clipHigh: 0.2, aggregation: 'token-mean', ...overrides };
}

/** {@link ppo} with the dual clip at 3 (arXiv 1912.09729), as verl has it by default. */
export function dualClipPpo(overrides: Overrides<GrpoOptions> = {}): GrpoOptions {
  return ppo({ dualClip: 3, ...overrides });
}

/**
 * GRPO (DeepSeekMath, arXiv 2402.03300): clip 0.2, mean of each sequence first, and 0.04 times the `k3` KL to
 * the reference policy, so that the batch needs `refLogProbs`. Many trainers leave that term out: `grpo({
 * klRefCoef: 0 })`.
 */
export function grpo(overrides: Overrides<GrpoOptions> = {}): GrpoOptions {
  return {
    objective: 'grpo',
    clipLow: 0.2,
    clipHigh: 0.2,
    aggregation: 'seq-mean-token-mean',
    klRefCoef: 0.04,
    klRefEstimator: 'k3',
    ...overrides,
  };
}

/** Clip-Higher alone (DAPO, arXiv 2503.14476): clip 0.2 / 0.28 with GRPO's mean of each sequence first. */
export function clipHigher(overrides: Overrides<GrpoOptions> = {}): GrpoOptions {
  return {
    objective: 'grpo',
    clipLow: 0.2,
    clipHigh: 0.28,
    aggregation: 'seq-mean-token-mean',
    ...overrides,
  };
}

/**
 * DAPO's loss (arXiv 2503.14476): clip 0.2 / 0.28, mean over all tokens, no KL. Its sampling is the
 * trainer's.
 */
export function dapo(overrides: Overrides<GrpoOptions> = {}): GrpoOptions {
  return clipHigher({ aggregation: 'token-mean', ...overrides });
}

/**
 * Dr. GRPO (arXiv 2503.20783): clip 0.2, the sum over all tokens over a constant. Follows TRL, which divides
 * by `B * L` with `L` the most tokens that a completion may have: hand {@link drGrpoDenominator} over with
 * each batch. Without it the divisor is the padded width alone, as in verl.
 */
export function drGrpo(overrides: Overrides<GrpoOptions> = {}): GrpoOptions {
  return {
    objective: 'grpo',
    clipLow: 0.2,
    clipHigh: 0.2,
    aggregation: 'seq-mean-token-sum-norm',
    ...overrides,
  };
}

/**
 * The divisor of {@link drGrpo} in TRL, `B * L`.
 * @param sequences - `B`, sequences of the batch.
 * @param maxCompletionLength - `L`, the most tokens that a completion may have.
 * @example
 * await policyLoss.forward({ ...batch, ...presets.drGrpoDenominator(B, 1024) });
 */
export function drGrpoDenominator(
  sequences: number,
  maxCompletionLength: number,
): { readonly maxLength: number } {
  return { maxLength: sequences * maxCompletionLength };
}

/** BNPO as TRL has it (`loss_type='bnpo'`): clip 0.2, mean over the tokens of the local batch. */
export function bnpo(overrides: Overrides<GrpoOptions> = {}): GrpoOptions {
  return ppo(overrides);
}

/**
 * Two-sided clip of INTELLECT-2 (arXiv 2505.07291): clip 0.2, and the ratio of the unclipped term capped at
 * 4.
 */
export function twoSidedClip(overrides: Overrides<GrpoOptions> = {}): GrpoOptions {
  return ppo({ ratioCap: 4, ...overrides });
}

/** GSPO (arXiv 2507.18071): one ratio per sequence, clip 3e-4 / 4e-4. */
export function gspo(overrides: Overrides<GspoOptions> = {}): GspoOptions {
  return { objective: 'gspo', clipLow: 3e-4, clipHigh: 4e-4, ...overrides };
}

/**
 * KL-Cov (arXiv 2505.22617): `|logProb - oldLogProb|` on the 0.2 % of the tokens with the largest covariance.
 */
export function klCov(overrides: Overrides<KlCovOptions> = {}): KlCovOptions {
  return { objective: 'kl-cov', kPercent: 0.2, klCovCoef: 1, ...overrides };
}

/**
 * Clip-Cov (arXiv 2505.22617): 0.02 % of the tokens, drawn from those of covariance 1 to 5, lose their
 * gradient.
 */
export function clipCov(overrides: Overrides<ClipCovOptions> = {}): ClipCovOptions {
  return { objective: 'clip-cov', clipCovRatio: 2e-4, covLow: 1, covHigh: 5, ...overrides };
}

/**
 * High-entropy minority tokens (arXiv 2506.01939): DAPO on the 20 % of the tokens with the highest entropy.
 */
export function highEntropy8020(overrides: Overrides<TopEntropyOptions> = {}): TopEntropyOptions {
  return { objective: '80-20', topFraction: 0.2, clipLow: 0.2, clipHigh: 0.28, ...overrides };
}

/**
 * CISPO (MiniMax-M1, arXiv 2506.13585), token mean. No lower bound; the ratio is at most 5, the value that
 * ScaleRL (arXiv 2510.13786) and TRL recommend (`clipHigh` is that bound less 1).
 */
export function cispo(overrides: Overrides<CispoOptions> = {}): CispoOptions {
  return { objective: 'cispo', clipLow: 1, clipHigh: 4, ...overrides };
}

/** SAPO (arXiv 2511.20347): soft gates of steepness 1 and 1.05, mean of each sequence first. */
export function sapo(overrides: Overrides<SapoOptions> = {}): SapoOptions {
  return { objective: 'sapo', tauPos: 1, tauNeg: 1.05, aggregation: 'seq-mean-token-mean', ...overrides };
}
